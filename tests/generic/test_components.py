"""What every component of every family must be: documented, an example of itself, and plain data."""

from __future__ import annotations

import json
import pickle
import re
from collections import Counter
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from bpcli.spec.base import Component
from bpcli.spec.registry import FAMILIES, family

NAMES = [(fam, name) for fam in FAMILIES for name in family(fam)]
over_components = pytest.mark.parametrize(("fam", "name"), NAMES, ids=[f"{f}-{n}" for f, n in NAMES])
over_families = pytest.mark.parametrize("fam", sorted(FAMILIES))


def examples(fam: str, name: str) -> list[Component]:
    cls = family(fam)[name]
    return [cls.model_validate({"type": name, **example.fields}) for example in cls.examples]


@over_components
def test_its_type_is_the_name_of_its_file(fam: str, name: str) -> None:
    cls = family(fam)[name]
    assert cls.model_fields["type"].default == name
    if name in family(fam).own_names():
        assert cls.__module__ == f"{FAMILIES[fam][0]}.{name}"


@over_components
def test_it_has_a_manual_page(fam: str, name: str) -> None:
    page = family(fam)[name].__dict__.get("__doc__") or ""  # its own, not its base class's
    first = page.strip().splitlines()[0] if page.strip() else ""
    assert len(first) >= 12
    assert "TODO" not in page


@over_components
def test_it_has_examples_that_are_all_different(fam: str, name: str) -> None:
    made = [
        (component, example.shape)
        for component, example in zip(examples(fam, name), family(fam)[name].examples, strict=True)
    ]
    assert made
    assert len(set(made)) == len(made)


@over_components
def test_it_goes_through_json_and_yaml_and_back(fam: str, name: str) -> None:
    for component in examples(fam, name):
        plain = component.model_dump(mode="json")
        assert plain["type"] == name
        for back in (json.loads(json.dumps(plain)), yaml.safe_load(yaml.safe_dump(plain))):
            again = type(component).model_validate(back)
            assert again == component
            assert again.model_dump(mode="json") == plain
        short = component.model_dump(mode="json", exclude_defaults=True) | {"type": name}
        assert type(component).model_validate(short) == component


@over_components
def test_it_can_be_hashed_and_pickled(fam: str, name: str) -> None:
    for component, twin in zip(examples(fam, name), examples(fam, name), strict=True):
        assert hash(component) == hash(twin)
        assert component == twin
        again = pickle.loads(pickle.dumps(component))
        assert again == component
        assert hash(again) == hash(component)


@over_components
def test_it_refuses_unknown_keys_and_changes(fam: str, name: str) -> None:
    cls = family(fam)[name]
    for example, component in zip(cls.examples, examples(fam, name), strict=True):
        with pytest.raises(ValidationError, match="no_such_key"):
            cls.model_validate({"type": name, **example.fields, "no_such_key": 1})
        with pytest.raises(ValidationError):
            component.type = "other"  # frozen


@over_components
def test_defaults_are_valid(fam: str, name: str) -> None:
    """A default is not validated on every use, so it is here: writing it out changes nothing."""
    for component in examples(fam, name):
        fields: dict[str, Any] = component.config_values()
        assert type(component).model_validate(fields) == component


@pytest.mark.parametrize("fam", ["layers", "activations"])
def test_the_page_gives_both_halves_of_the_maths(fam: str) -> None:
    from bpcli.layers._preset import Preset

    without = [
        name
        for name, cls in family(fam).classes().items()
        if not issubclass(cls, Preset) and not re.search(r"^ *Backward\b", cls.__doc__ or "", re.MULTILINE)
    ]
    assert without == []


@over_families
def test_names_and_aliases_are_unique(fam: str) -> None:
    known = family(fam)
    count = Counter([*known, *(alias for cls in known.classes().values() for alias in cls.aliases)])
    assert [name for name, times in count.items() if times > 1] == []


@over_families
def test_an_alias_finds_its_component(fam: str) -> None:
    for name, cls in family(fam).classes().items():
        for alias in cls.aliases:
            assert family(fam)[alias].model_fields["type"].default == name


@over_families
def test_an_unknown_name_is_a_miss(fam: str) -> None:
    assert "no_such_component" not in family(fam)
