"""What a field takes, in words: `'auto' or a positive whole number`."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

from bpcli.spec.base import Strict
from bpcli.spec.registry import FAMILIES
from bpcli.spec.scalars import show
from bpcli.spec.schema import Option, options

#: What a validator reads besides its base type, by the validator's name.
READERS = {
    "parse_duration": "a duration (seconds, or text such as 90s, 10m, 1h30m)",
    "_listed": "a name, or a list of them",
    "_share": "a number of steps or a share such as 5%",
}


def in_words(choices: list[Option], null: bool = False) -> str:
    """All kinds of value joined by 'or'; null (the absence of a value) only if asked for."""
    parts: list[str] = []
    for option in choices:
        if option.base is type(None):
            continue
        for word in _words(option):
            if word not in parts:
                parts.append(word)
    if null and any(option.base is type(None) for option in choices):
        parts.append("null")
    return joined(parts) or "nothing"


def joined(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} or {parts[-1]}" if parts else ""


def literals(choices: list[Option]) -> list[Any]:
    """The fixed values among the options."""
    return [
        value for option in choices if get_origin(option.base) is Literal for value in get_args(option.base)
    ]


def _words(option: Option) -> list[str]:
    base, origin = option.base, get_origin(option.base)
    for item in option.metadata:
        reader = getattr(item, "func", None)
        name = getattr(reader, "__name__", "")
        if name in READERS:
            return [READERS[name]]
        if isinstance(told := getattr(reader, "words", None), str):
            return [told]
    if option.family is not None:
        word = FAMILIES[option.family][1]
        return [f"{article(word)} {word} (a name, or a mapping with 'type')"]
    if origin is Literal:
        return [show(value) for value in get_args(base)]
    if base is bool:
        return ["true or false"]
    if base is int:
        return [_number(option, "whole number")]
    if base is float:
        return [_number(option, "number")]
    if base is str:
        return [_text(option)]
    if origin in (tuple, list):
        return [_list(option, get_args(base))]
    if origin is dict:
        return [f"a mapping of names, each to {in_words(options(get_args(base)[1]))}"]
    if isinstance(base, type) and issubclass(base, Strict):
        keys = list(base.config_keys())
        return [f"a mapping with the keys {', '.join(keys[:4])}{', …' if len(keys) > 4 else ''}"]
    return ["a value"]


def article(word: str) -> str:
    return "an" if word[:1] in "aeiou" else "a"


def _number(option: Option, noun: str) -> str:
    gt, ge, lt, le = (_bound(option.limit(name)) for name in ("gt", "ge", "lt", "le"))
    low, high = gt if gt is not None else ge, lt if lt is not None else le
    if low is None and high is None:
        return f"a {noun}"
    if high is None:
        return (
            f"a positive {noun}"
            if gt == 0
            else f"a {noun} of at least {ge}"
            if gt is None
            else f"a {noun} above {gt}"
        )
    if low is None:
        return f"a {noun} below {lt}" if lt is not None else f"a {noun} of at most {le}"
    if option.base is int:
        return f"a {noun} from {ge if gt is None else gt + 1} to {le if lt is None else lt - 1}"
    start = f"above {gt} and" if gt is not None else f"of at least {ge} and"
    end = f"below {lt}" if lt is not None else f"at most {le}"
    return f"a {noun} from {ge} to {le}" if gt is None and lt is None else f"a {noun} {start} {end}"


def _bound(value: Any) -> Any:
    """A limit as it is written: 1 rather than 1.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _text(option: Option) -> str:
    pattern, shortest, longest = (option.limit(name) for name in ("pattern", "min_length", "max_length"))
    if pattern is not None:
        return f"text of the form {getattr(pattern, 'pattern', pattern)}"
    if longest is not None:
        return f"text of at most {longest} characters"
    return "text that is not empty" if shortest else "text"


def _list(option: Option, arguments: tuple[Any, ...]) -> str:
    if (len(arguments) == 2 and arguments[1] is Ellipsis) or (
        len(arguments) == 1 and get_origin(option.base) is list
    ):
        least, most = option.limit("min_length"), option.limit("max_length")
        size = (
            f" of {least} to {most} entries" if least and most else f" of at least {least}" if least else ""
        )
        size = f" of at most {most}" if most and not least else size
        return f"a list{size}, each entry {in_words(options(arguments[0]))}"
    return f"a list of {len(arguments)} entries ({', '.join(in_words(options(a)) for a in arguments)})"
