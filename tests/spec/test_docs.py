# ruff: noqa: E501
"""The schema, manual pages and catalogue are told from the components, so they cannot be out of date."""

from __future__ import annotations

import json
import re
from typing import Any, ClassVar, Literal

import pytest
from pydantic import Field, PositiveInt

from bpcli.files import shipped_configs
from bpcli.layers.base import Layer
from bpcli.layers.dense import Dense
from bpcli.spec.docs import catalogue, json_schema, manual
from bpcli.spec.nodes import Problems
from bpcli.spec.reader import parse
from bpcli.spec.registry import FAMILIES, family
from tests.spec.conftest import BASE


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return json_schema()


def fits(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> bool:
    """Whether a value is valid: the part of JSON Schema that ours uses, and an error for any other."""
    known = {
        "$schema", "$defs", "title", "description", "default", "$ref", "anyOf", "enum", "const", "type", "required",
        "properties", "additionalProperties", "items", "prefixItems", "minItems", "maxItems", "minimum", "maximum",
        "exclusiveMinimum", "exclusiveMaximum", "pattern", "minLength", "maxLength", "propertyNames",
    }  # fmt: skip
    assert set(schema) <= known, set(schema) - known
    if "$ref" in schema:
        return fits(value, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root)
    if "anyOf" in schema and not any(fits(value, branch, root) for branch in schema["anyOf"]):
        return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    if "const" in schema and value != schema["const"]:
        return False
    kinds = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
    kind = schema.get("type")
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind in kinds and not isinstance(value, kinds[kind]):
        return False
    if kind == "number" and not is_number:
        return False
    if kind == "integer" and not (is_number and isinstance(value, int)):
        return False
    if is_number:
        return (
            value >= schema.get("minimum", value)
            and value <= schema.get("maximum", value)
            and ("exclusiveMinimum" not in schema or value > schema["exclusiveMinimum"])
            and ("exclusiveMaximum" not in schema or value < schema["exclusiveMaximum"])
        )
    if isinstance(value, str):
        return "pattern" not in schema or re.search(schema["pattern"], value) is not None
    if isinstance(value, list):
        return len(value) >= schema.get("minItems", 0) and all(
            fits(item, schema.get("items", {}), root) for item in value
        )
    if isinstance(value, dict):
        properties, others = schema.get("properties", {}), schema.get("additionalProperties", True)
        return set(schema.get("required", ())) <= set(value) and all(
            fits(item, properties[key], root)
            if key in properties
            else (others if isinstance(others, bool) else fits(item, others, root))
            for key, item in value.items()
        )
    return True


def read(text: str) -> Any:
    problems = Problems()
    node = parse(text, None, problems)
    assert node is not None
    assert not problems.found
    return node.plain()


@pytest.mark.parametrize("name", shipped_configs())
def test_shipped_configs_fit_the_schema(schema: dict[str, Any], name: str) -> None:
    assert fits(read(shipped_configs()[name].read_text(encoding="utf-8")), schema, schema)


VALID = [
    ("seed: 42", "early_stop: {patience: 3}"), ("seed: 42", "early_stop: early_stop"), ("seed: 42", "vars: {a: [1]}"),
    ("epochs: 2", "max_time: 1h"), ("epochs: 2", "epochs: ${vars.n}"), ("epochs: 2", "threads: auto"),
    ("seed: 42", "schedule: {type: constant, warmup: 5%}"), ("loss: cross_entropy", "loss: null"), ("seed: 42", "name: a"),
    ("lr: 1e-3", "lr: '${env:LR:-0.1}'"), ("- flatten", "- {type: sequential, layers: [flatten]}"),
    ("version: 1\nseed: 42\ndata:\n  source: {type: csv, path: train.csv, target: label}\n  batch_size: 64\n", "extends: b.yaml\n"),
]  # fmt: skip
INVALID = [
    ("seed: 42", "sed: 42"), ("seed: 42", "seed: x"), ("seed: 42", "seed: -1"), ("units: 32", "unit: 32"),
    ("- flatten", "- flaten"), ("- flatten", "- {type: flaten}"), ("- flatten", "- {}"), ("lr: 1e-3", "lr: 0"),
    ("lr: 1e-3", "lr: fast"), ("epochs: 2", "device: tpu"), ("seed: 42", "early_stop: {patience: 3, type: nope}"),
    ("loss: cross_entropy", "loss: adam"), ("metrics: [accuracy]", "metrics: accuracy"), ("seed: 42", "name: a b"),
]  # fmt: skip


def test_the_schema_accepts_the_language(schema: dict[str, Any]) -> None:
    assert fits(read(BASE), schema, schema)
    for old, new in VALID:
        assert fits(read(BASE.replace(old, new)), schema, schema), new


def test_the_schema_refuses_mistakes(schema: dict[str, Any]) -> None:
    for old, new in INVALID:
        assert BASE.count(old) == 1
        assert not fits(read(BASE.replace(old, new)), schema, schema), new
    assert not fits({"data": read(BASE)["data"]}, schema, schema)


def test_every_component_is_in_the_schema(schema: dict[str, Any]) -> None:
    text = json.dumps(schema)  # it is plain JSON
    assert set(re.findall(r'"#/\$defs/([^"]+)"', text)) <= set(schema["$defs"])
    assert "x-family" not in text
    for name in FAMILIES:
        branches = [branch.get("$ref") for branch in schema["$defs"][name]["anyOf"]]
        for kind, cls in family(name).classes().items():
            assert f"#/$defs/{name}.{kind}" in branches
            assert set(schema["$defs"][f"{name}.{kind}"]["properties"]) == set(cls.config_keys())


def test_a_manual_page() -> None:
    page = manual(Dense)
    assert (page.type, page.family) == ("dense", "layers")
    assert page.summary == page.docstring.splitlines()[0]
    fields = {field.name: field for field in page.fields}
    assert fields["units"].type == "a positive whole number"
    assert fields["units"].default == "required"
    assert fields["bias"].type == "true or false"
    assert fields["bias"].default == "true"
    assert fields["activation"].type == "an activation (a name, or a mapping with 'type') or null"
    assert fields["activation"].default == "null"
    assert fields["init"].default == "glorot_uniform"
    assert "type" not in fields


class Fancy(Layer):
    """y = fancy(x).

    More about it.
    """

    type: Literal["fancy"] = "fancy"
    sizes: tuple[PositiveInt, ...] = Field((3, 4), min_length=1, description="how large")
    pair: tuple[int, float] = (1, 2.0)
    mode: Literal["a", "b"] | bool = "a"
    weights: dict[str, float] | None = None
    share: float = Field(0.5, gt=0, le=1)

    aliases: ClassVar = ("fanciful",)


def test_a_manual_page_of_many_kinds_of_fields() -> None:
    page = manual(Fancy)
    assert page.family == "layers"
    assert page.docstring == "y = fancy(x).\n\nMore about it."
    assert page.aliases == ("fanciful",)
    said = {field.name: (field.type, field.default, field.description) for field in page.fields}
    assert said["sizes"] == (
        "a list of at least 1, each entry a positive whole number",
        "[3, 4]",
        "how large",
    )
    assert said["pair"] == ("a list of 2 entries (a whole number, a number)", "[1, 2.0]", "")
    assert said["mode"] == ("'a', 'b' or true or false", "a", "")
    assert said["weights"] == ("a mapping of names, each to a number or null", "null", "")
    assert said["share"] == ("a number above 0 and at most 1", "0.5", "")


@pytest.mark.parametrize("name", FAMILIES)
def test_every_component_has_a_page_and_a_line(name: str) -> None:
    lines = dict(catalogue(name))
    assert list(lines) == sorted(family(name))
    for kind, cls in family(name).classes().items():
        page = manual(cls)
        assert page.family == name
        assert page.summary
        assert lines[kind] == page.summary
        assert all(field.type != "a value" for field in page.fields), page
