# ruff: noqa: E501  (a message is one line)
"""Whatever a config file holds, it is read or refused with places; nothing else ever happens."""

from __future__ import annotations

import copy
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bpcli.errors import ConfigError
from bpcli.spec.load import load, load_mapping
from bpcli.spec.nodes import Problems
from bpcli.spec.reader import parse
from bpcli.spec.write import dump
from tests.spec.conftest import BASE, problems, tree

SMALL = settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


def outcome(path: Path, *overrides: str) -> ConfigError | None:
    """None if the config is accepted; the error, checked for its form, if it is refused."""
    try:
        load(path, overrides)
    except ConfigError as error:
        assert error.exit_code == 2
        assert len(set(error.problems)) == len(error.problems)
        for problem in error.problems:
            assert problem.message
            text = str(problem)
            text.encode()  # can be printed
            assert len(text) < 2_000
            if problem.file is not None and "larger than" not in problem.message:
                assert problem.line is not None
                assert problem.line >= 1
                assert problem.column is not None
                assert problem.column >= 1
        return error
    return None


# (name, what the file holds, a part of the one message)
REFUSED: list[tuple[str, bytes, str]] = [
    ("empty", b"", "x.yaml:1:1: the config is empty"),
    ("blank", b"\n\n  \n", "x.yaml:1:1: the config is empty"),
    ("comment", b"# nothing\n", "x.yaml:1:1: the config is empty"),
    ("document", b"---\n", "1: the config is empty"),
    ("list", b"- 1\n", "x.yaml:1:1: a config is a mapping of keys"),
    ("text", b"hello\n", "x.yaml:1:1: a config is a mapping of keys"),
    ("tab", b"data:\n\tsource: x\n", "x.yaml:2:1: a tab is used where spaces belong"),
    ("nul", b"data:\n  a: b\0c\n", "x.yaml:2:7: the text contains a NUL character"),
    ("control", b"a: \x07\n", "x.yaml:1:4: the text contains the control character U+0007"),
    ("utf-16", "a: 1".encode("utf-16"), "x.yaml:1:1: the file is UTF-16 text; save it as UTF-8"),
    ("utf-16 without mark", "a: 1".encode("utf-16-le"), "x.yaml:1:2: the text contains a NUL character"),
    ("latin-1", "a: 1\nbé: 2".encode("latin-1"), "x.yaml:2:2: byte 0xe9 is not UTF-8 text"),
    ("large", b"a: 1\n" * 300_000, "the file is larger than 1 MiB"),
    ("deep flow", b"a: " + b"[" * 200_000, "x.yaml:1:67: lists and mappings are nested more than 64 deep"),
    ("deep flow maps", b"{a: " * 5_000, "nested more than 64 deep"),
    ("deep block", b"- " * 5_000, "nested more than 64 deep"),
    ("unclosed list", b"a: [1, 2\nb: 3\n", "x.yaml:2:2: a list in [ ] is not closed, or lacks a comma (opened in line 1)"),
    ("unclosed mapping", b"a: {b: 1\n", "a mapping in { } is not closed"),
    ("unclosed quote", b'a:\n  b: "abc\n', "x.yaml:2:6: a quoted text is never closed"),
    ("unclosed single quote", b"a: 'b\n", "x.yaml:1:4: a quoted text is never closed"),
    ("indentation", b"a:\n    b: 1\n  c: 2\n", "x.yaml:3:3: the indentation does not fit the lines above"),
    ("two colons", b"a: b: c\n", "x.yaml:1:5: a second ':' where a value is expected"),
    ("no colon", b"a: 1\nb\nc: 2\n", "a key without its ':'"),
    ("escape", rb'a: "C:\data"', r"x.yaml:1:4: \d is no escape sequence"),
    ("huge escape", rb'a: "\U00110000"', "x.yaml:1:7: this is not valid YAML"),
    ("at sign", b"a: @b\n", "x.yaml:1:4: a value cannot begin with @; put it in quotes"),
    ("bare star", b"a: *\n", "* begins an alias"),
    ("bare ampersand", b"a: &\n", "& begins an anchor"),
    ("unquoted reference", b"a: {b: ${vars.x}}\n", "a reference inside { } or [ ] needs quotes; write \"${vars.name}\""),
    ("unknown tag handle", b"a: !x!y z\n", "words that begin with ! (tags)"),
    ("bad directive", b"%YAML 3.0\n---\na: 1\n", "is not valid YAML"),
    ("text block", b"a: |x\n", "| or > begins a text block"),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "message"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_what_cannot_be_read_is_one_sentence(config, raw: bytes, message: str) -> None:
    started = time.perf_counter()
    path = config(raw=raw)
    outcome(path)
    found = problems(path)
    assert len(found) == 1
    assert message in found[0]
    assert time.perf_counter() - started < 5


# (name, what replaces `seed: 42`, the problems)
PARTS: list[tuple[str, str, list[str]]] = [
    ("alias", "seed: *a", ["x.yaml:2:7: seed: aliases (*a)"]),
    ("anchor", "seed: &a 42", ["x.yaml:2:7: seed: anchors (&a)"]),
    ("tag", "seed: !!int 42", ["x.yaml:2:7: seed: tags (!!int)"]),
    ("python tag", "seed: !!python/object/apply:os.system [ls]", ["x.yaml:2:7: seed: tags (!!python/"]),
    ("empty int", "seed: !!int ''", ["x.yaml:2:7: seed: tags (!!int)"]),
    ("bool tag", "seed: !!bool x", ["x.yaml:2:7: seed: tags (!!bool)"]),
    ("timestamp", "seed: !!timestamp x", ["x.yaml:2:7: seed: tags (!!timestamp)"]),
    ("self-reference", "seed: &a [*a]", ["x.yaml:2:7: seed: anchors (&a)", "x.yaml:2:7: seed: expected a whole", "x.yaml:2:11: seed[0]: aliases (*a)"]),
    ("merge", "<<: {seed: 1}", ["x.yaml:2:1: merge keys (<<)"]),
    ("number as key", "42: 1", ["x.yaml:2:1: 42 cannot be a key"]),
    ("true as key", "true: 1", ["x.yaml:2:1: true cannot be a key"]),
    ("null as key", "~: 1", ["x.yaml:2:1: an empty key cannot be a key"]),
    ("list as key", "? [a]\n: 1", ["x.yaml:2:3: a list cannot be a key"]),
    ("mapping as key", "? {a: 1}\n: 1", ["x.yaml:2:3: a mapping cannot be a key"]),
    ("long integer", f"seed: {'9' * 5000}", ["x.yaml:2:7: seed: an integer of 5,000 digits is too long"]),
    ("long hexadecimal", f"seed: 0x{'f' * 4299}", ["x.yaml:2:7: seed: an integer of 4,299 digits is too long"]),
    ("large integer", f"seed: {2**63}", ["x.yaml:2:7: seed: expected a whole number from 0"]),
    ("long but readable", f"seed: {'9' * 4300}", ["x.yaml:2:7: seed: expected a whole number from 0"]),
    ("surrogate", r'name: "\ud800"', ["x.yaml:2:7: name: the text contains half of a surrogate pair"]),
    ("escaped nul", r'name: "a\0b"', ["x.yaml:2:7: name: the text contains a NUL character"]),
    ("date", "name: 2001-99-99\nseed: 2001-99-99", ["x.yaml:3:7: seed: expected a whole number"]),
    ("long text", f"seed: {'x' * 5000}", ["x.yaml:2:7: seed: expected a whole number"]),
    ("long key", f"{'x' * 800}: 1", ["x.yaml:2:1: unknown key"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "messages"), [p[1:] for p in PARTS], ids=[p[0] for p in PARTS])
def test_what_is_no_part_of_the_language_is_refused_where_it_stands(
    config, text: str, messages: list[str]
) -> None:
    path = config(("seed: 42", text))
    outcome(path)
    found = problems(path)
    assert len(found) == len(messages), found
    for problem, message in zip(found, messages, strict=True):
        assert problem.startswith(message)


def test_a_second_document_is_refused(config) -> None:
    assert problems(config(text=f"{BASE}---\nseed: 1\n")) == [
        "x.yaml:17:1: a second document begins here; a config is one document; remove '---'"
    ]


def test_directives_are_refused(config) -> None:
    assert problems(config(text=f"%YAML 1.1\n---\n{BASE}")) == [
        "x.yaml:1:1: directives (%YAML, %TAG) are not part of the config language"
    ]


@pytest.mark.parametrize("change", ["\ufeff", "\r\n", "---\n", "...", "no newline"])
def test_what_editors_do_is_accepted(config, change: str) -> None:
    plain = tree(config())
    text = {
        "\ufeff": "\ufeff" + BASE, "\r\n": BASE.replace("\n", "\r\n"), "---\n": "---\n" + BASE,
        "...": BASE + "...\n", "no newline": BASE.rstrip("\n"),
    }[change]  # fmt: skip
    assert tree(config(text=text)) == plain
    broken = text.replace("units: 32", "unit: 32")
    line = 9 + (change == "---\n")
    assert problems(config(text=broken))[0].startswith(
        f"x.yaml:{line}:21: model.layers[0]: unknown key 'unit'"
    )


def test_deep_but_allowed_nesting_is_read() -> None:
    text = "a: " + "[" * 63 + "]" * 63
    problems = Problems()
    assert parse(text, "x", problems) is not None
    assert problems.found == []


def test_deep_nets_do_not_exhaust_the_stack(config) -> None:
    deep: Any = "flatten"
    for _ in range(29):
        deep = {"type": "sequential", "layers": [deep]}
    found = load_mapping(
        {"data": {"source": {"type": "csv", "path": "a", "target": "b"}}, "model": deep}, folder=Path()
    )
    assert found.experiment.model.type == "sequential"
    assert sys.getrecursionlimit() <= 1_000


def test_a_folder_or_unreadable_file_is_a_sentence(config, tmp_path: Path) -> None:
    (tmp_path / "base.yaml").mkdir()
    assert "there is no file base.yaml" in problems(config(("version: 1", "extends: base.yaml")))[0]


# -- at random -----------------------------------------------------------------------------------------------

NASTY = [
    b"\t", b"\0", b"\xff", b"\xef\xbb\xbf", b"\r", b"&a ", b"*a", b"!!int ", b"<<: ", b"---\n", b"...\n", b"? ", b": ", b"- ",
    b"[", b"]", b"{", b"}", b"'", b'"', b"|", b">", b"%", b"@", b"`", b"#", b",", b"\\", b"1_000", b".nan", b"1e400",
    b"${vars.x}", b"${env:HOME}", b"${", b"\xc2\x85", b"\xe2\x80\xa8", b"\n", b"  ", b"type", b"null", b"9" * 4301,
]  # fmt: skip


@st.composite
def mutants(draw: st.DrawFn) -> bytes:
    """The config with a few bytes taken out, put in, or doubled."""
    data = BASE.encode()
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        length = draw(st.integers(0, 12))
        piece = draw(
            st.sampled_from(NASTY)
            | st.binary(max_size=4)
            | st.just(data[at : at + 3 * length])
            | st.just(b"")
        )
        data = data[:at] + piece + data[at + (0 if draw(st.booleans()) else length) :]
    return data


@SMALL
@given(mutants())
def test_mutated_bytes(config, raw: bytes) -> None:
    outcome(config(raw=raw))


LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", "auto", "dense", "adam", "relu", "csv", "1e-3", "5%", "1h", "${vars.x}", "balanced", "x" * 500]),
    st.text(st.characters(exclude_categories=("Cs",)), max_size=8),
    st.sampled_from([10**4000, -(10**400), 2**64, 1e308, 5e-324]),
)  # fmt: skip
KEYS = st.sampled_from(
    ["type", "layers", "units", "unit", "lr", "data", "source", "name", "[key]", "", "int", "x.y"]
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)


def every_path(value: Any, path: tuple = ()) -> list[tuple]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, child in inner for found in every_path(child, (*path, key)))]


def plain() -> Any:
    found = Problems()
    node = parse(BASE, None, found)
    assert node is not None
    return node.plain()


PLAIN = plain()
PATHS = every_path(PLAIN)[1:]


@st.composite
def trees(draw: st.DrawFn) -> Any:
    """The config's tree with some values replaced, taken away or added."""
    value = copy.deepcopy(PLAIN)
    for path in draw(st.lists(st.sampled_from(PATHS), min_size=1, max_size=3)):
        holder = value
        try:
            for part in path[:-1]:
                holder = holder[part]
            action = draw(st.sampled_from(["replace", "delete", "add", "copy"]))
            if action == "delete":
                del holder[path[-1]]
            elif action == "add" and isinstance(holder, dict):
                holder[draw(KEYS)] = draw(VALUES)
            elif action == "copy":
                holder[path[-1]] = copy.deepcopy(value)
            else:
                holder[path[-1]] = draw(VALUES)
        except (LookupError, TypeError):
            continue  # an earlier change took this place away
    return value


@SMALL
@given(trees())
def test_mutated_trees(config, value: Any) -> None:
    outcome(config(raw=dump(value).encode()))


OVERRIDE_PATHS = st.sampled_from([".".join(map(str, path)) for path in PATHS]) | st.text(
    "ab.[]0123=~ -_$", max_size=12
)


@SMALL
@given(
    st.lists(st.tuples(OVERRIDE_PATHS, VALUES | st.text(max_size=8)), max_size=3), st.sampled_from(["", "~"])
)
def test_random_overrides(config, pairs: list[tuple[str, Any]], sign: str) -> None:
    given_ones = [
        sign + key + ("" if sign else "=" + (value if isinstance(value, str) else dump(value)))
        for key, value in pairs
    ]
    outcome(config(), *given_ones)
