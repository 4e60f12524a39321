"""An experiment as YAML that reads back as an equal experiment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from bpcli.spec.references import escape
from bpcli.spec.scalars import plain_scalar

if TYPE_CHECKING:
    from bpcli.spec.experiment import Experiment


def to_yaml(experiment: Experiment) -> str:
    """Every value explicit, defaults included; the `type` of each component first."""
    return dump(escaped(experiment.model_dump(mode="json")))


def escaped(tree: Any) -> Any:
    """The tree with `${` in its texts written so that the loader does not take it for a reference."""
    if isinstance(tree, dict):
        inner: dict[str, Any] = {key: escaped(value) for key, value in cast("dict[str, Any]", tree).items()}
        return {"type": inner.pop("type"), **inner} if "type" in inner else inner
    if isinstance(tree, (list, tuple)):
        return [escaped(value) for value in cast("list[Any]", tree)]
    return escape(tree) if isinstance(tree, str) else tree


def dump(tree: Any) -> str:
    """YAML text of plain values, quoted where YAML 1.2 or 1.1 would take text for something else."""
    import yaml

    base: Any = yaml.SafeDumper

    class Dumper(base):
        def ignore_aliases(self, data: Any) -> bool:
            return True  # the config language has none

        def represent_float(self, data: float) -> Any:
            # Python's shortest form reads back exactly; PyYAML's own would need a tag for 1e-05.
            return self.represent_scalar("tag:yaml.org,2002:float", _float(data))

        def represent_str(self, data: str) -> Any:
            # Line breaks that only Unicode knows would be read back as spaces, unless they are escaped.
            style = '"' if any(sign in data for sign in "\x85\u2028\u2029\ufeff") else None
            return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)

        def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
            tag: Any = base.resolve(self, kind, value, implicit)
            if kind is not yaml.ScalarNode or not implicit[0]:
                return tag
            ours = _TAGS[type(_plain(value))]
            if ours == _TAGS[float] or tag == _TAGS[str]:
                return ours
            return tag

    Dumper.add_representer(float, Dumper.represent_float)
    Dumper.add_representer(str, Dumper.represent_str)
    text: str = yaml.dump(
        tree, Dumper=Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False, width=110
    )
    return text


_TAGS: dict[type, str] = {
    kind: f"tag:yaml.org,2002:{name}"
    for kind, name in ((str, "str"), (int, "int"), (float, "float"), (bool, "bool"), (type(None), "null"))
}


def _float(value: float) -> str:
    text = repr(value)
    return text if any(sign in text for sign in ".en") else f"{text}.0"


def _plain(text: str) -> Any:
    try:
        return plain_scalar(text)
    except ValueError:
        return 0
