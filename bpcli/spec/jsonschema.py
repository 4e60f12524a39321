"""The JSON schema of the config language, for editors and for other tools."""

from __future__ import annotations

from typing import Any, cast

from bpcli.spec.base import Strict
from bpcli.spec.docs import docstring
from bpcli.spec.registry import FAMILIES, family
from bpcli.spec.schema import IMPLIED_TYPES, child_of, field_options
from bpcli.spec.words import READERS

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_REFERENCE = {"$ref": "#/$defs/reference"}


def json_schema() -> dict[str, Any]:
    """The JSON schema (2020-12) of a config file, with every component that is installed.

    A family is `$defs/<family>`: the bare names, or a mapping of one of its components
    (`$defs/<family>.<name>`). Where a value stands, a reference such as ${vars.width} may too.
    """
    from bpcli.spec.experiment import Experiment

    definitions: dict[str, Any] = {
        "reference": {
            "type": "string",
            "pattern": r"\$\{",
            "description": "${vars.name}, ${env:NAME} or ${env:NAME:-default}",
        }
    }
    root = _of_class(Experiment, "", definitions)
    for name in FAMILIES:
        definitions[name] = _of_family(name, definitions)
    properties: dict[str, Any] = root["properties"]
    for (key, *rest), implied in IMPLIED_TYPES.items():
        if not rest and isinstance(key, str):
            _imply(properties, key, implied, definitions)
    root["properties"] = {
        "extends": {
            "type": "string",
            "description": "another config, of which this one says the differences",
        },
        "vars": {"type": "object", "description": "values to refer to as ${vars.name}"},
        **properties,
    }
    root["required"] = [key for key in root.get("required", ()) if key != "name"]
    # A file that extends another may leave out what that one says.
    definitions["DataSection"].pop("required")
    required = root.pop("required")
    root["anyOf"] = [{"required": ["extends"]}, {"required": required}]
    return {"$schema": _DRAFT, "title": "bpcli experiment", **root, "$defs": definitions}


def _of_family(name: str, definitions: dict[str, Any]) -> dict[str, Any]:
    known = family(name)
    names, branches = list[str](), list[dict[str, Any]]()
    for kind, cls in known.classes().items():
        key = f"{name}.{kind}"
        schema = _of_class(cls, f"{key}.", definitions)
        schema["properties"]["type"] = {"enum": [kind, *cls.aliases]}
        schema["required"] = list(dict.fromkeys(["type", *schema.get("required", ())]))
        definitions[key] = schema
        branches.append({"$ref": f"#/$defs/{key}"})
        names += [kind, *cls.aliases]
    chosen = {"type": "object", "properties": {"type": _REFERENCE}, "required": ["type"]}
    return {"title": known.word, "anyOf": [{"enum": names}, *branches, chosen, _REFERENCE]}


def _of_class(cls: type[Strict], prefix: str, definitions: dict[str, Any]) -> dict[str, Any]:
    """The schema of one class; the sections inside it go to the definitions under the prefix."""
    schema = cls.model_json_schema(ref_template=f"#/$defs/{prefix}{{model}}")
    for name, inner in schema.pop("$defs", {}).items():
        definitions[prefix + name] = _opened(inner)
    schema = _opened(schema)
    if text := docstring(cls):
        schema["description"] = text
    schema.pop("title", None)
    return _with_readers(cls, schema, definitions, prefix)


def _with_readers(
    cls: type[Strict], schema: dict[str, Any], definitions: dict[str, Any], prefix: str
) -> dict[str, Any]:
    """Fields that also read text (durations, shares) say so, in this class and in the sections inside it."""
    for name, field in cls.config_keys().items():
        choices = field_options(field)
        if any(
            getattr(getattr(m, "func", None), "__name__", "") in READERS for o in choices for m in o.metadata
        ):
            schema["properties"][name].setdefault("anyOf", []).append({"type": "string"})
        for option in choices:
            base = option.base
            if option.family is None and isinstance(base, type) and issubclass(base, Strict):
                inner = definitions.get(prefix + base.__name__)
                if inner is not None:
                    _with_readers(base, inner, definitions, prefix)
    return schema


def _opened(schema: Any) -> Any:
    """The schema with each family put in, and a reference allowed wherever a fixed kind of value is."""
    if isinstance(schema, list):
        return [_opened(item) for item in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    given = cast("dict[str, Any]", schema)
    if "x-family" in given:
        rest = {key: value for key, value in given.items() if key != "x-family"}
        return {"$ref": f"#/$defs/{given['x-family']}", **rest}
    opened: dict[str, Any] = {}
    for key, value in given.items():
        if given.get("type") == "array":  # Pydantic counts the entries of a list as if it were text
            key = {"minLength": "minItems", "maxLength": "maxItems"}.get(key, key)
        if key == "properties":
            opened[key] = {name: _opened(inner) for name, inner in value.items()}
        elif key in ("default", "enum", "const", "examples", "required"):
            opened[key] = value
        elif key in ("anyOf", "oneOf") and isinstance(value, list):
            opened["anyOf"] = [_closed(item) for item in cast("list[Any]", value)] + [_REFERENCE]
        else:
            opened[key] = _opened(value)
    fixed = (
        opened.get("type") in ("integer", "number", "boolean", "array")
        or "enum" in opened
        or "const" in opened
    )
    if fixed or "pattern" in opened:
        about = {key: opened.pop(key) for key in ("title", "description", "default") if key in opened}
        return {"anyOf": [opened, _REFERENCE], **about}
    return opened


def _closed(schema: Any) -> Any:
    """One branch of a union, opened inside only: the union itself allows the reference."""
    opened = _opened(schema)
    branches: list[Any] = child_of(opened, "anyOf", [])
    return branches[0] if len(branches) == 2 and branches[1] is _REFERENCE else opened


def _imply(properties: dict[str, Any], key: str, kind: str, definitions: dict[str, Any]) -> None:
    """A section that may be written without its type."""
    for name in FAMILIES:
        found = definitions.get(f"{name}.{kind}")
        if found is not None and key in properties:
            required = [field for field in found["required"] if field != "type"]
            definitions[f"{name}.{kind}.implied"] = {**found, "required": required}
            properties[key]["anyOf"].append({"$ref": f"#/$defs/{name}.{kind}.implied"})
