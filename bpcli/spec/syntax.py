"""PyYAML's complaints, in plain sentences."""

from __future__ import annotations

import re

#: (what PyYAML says: its context and its problem, what we say, what to do about it)
_SENTENCES: tuple[tuple[str, str, str | None], ...] = (
    (r"character '\\t' that cannot", "a tab is used where spaces belong", "indent with spaces"),
    (r"character '([@`%])' that cannot", "a value cannot begin with {0}", "put it in quotes"),
    (r"character '(.+)' that cannot", "{0} cannot stand here", "put the text in quotes if it is meant so"),
    (
        r"anchor.*expected alphabetic",
        "& begins an anchor, which configs do not have",
        "put the text in quotes",
    ),
    (r"alias.*expected alphabetic", "* begins an alias, which configs do not have", "put the text in quotes"),
    (
        r"simple key.*could not find expected ':'",
        "a key without its ':'",
        "write `key: value`, with a space after the colon",
    ),
    (
        r"sequence entries are not allowed",
        "a list entry '-' cannot stand here",
        "begin the list on a line of its own",
    ),
    (
        r"mapping values are not allowed",
        "a second ':' where a value is expected",
        "check the indentation and the space after each ':' above; put text that contains ': ' in quotes",
    ),
    (r"mapping keys are not allowed", "a key cannot stand here", "check the indentation"),
    (
        r"unknown escape character '(.+)'",
        "\\{0} is no escape sequence",
        "in double quotes write \\\\ for a backslash, or use single quotes",
    ),
    (r"expected escape sequence of (\d+)", "this escape sequence needs {0} hexadecimal digits", None),
    (
        r"quoted scalar.*(unexpected end of stream|document separator)",
        "a quoted text is never closed",
        "add the closing quote",
    ),
    (
        r"flow sequence.*expected ',' or ']'",
        "a list in [ ] is not closed, or lacks a comma",
        "close it with ]",
    ),
    (
        r"flow mapping.*expected ',' or '}'",
        "a mapping in { } is not closed, or lacks a comma",
        "close it with }",
    ),
    (
        r"block (?:mapping|collection).*expected <block end>",
        "the indentation does not fit the lines above",
        "entries of one list or section begin in the same column",
    ),
    (r"expected the node content.*'<?([^'>]+)>?'", "a value is expected here, not '{0}'", None),
    (r"directive", "lines that begin with % (directives) are not part of the language", "remove the line"),
    (
        r"tag",
        "words that begin with ! (tags) are not part of the language",
        "remove it, or put the text in quotes",
    ),
    (
        r"block scalar",
        "| or > begins a text block, and something else follows it",
        "put the text in quotes",
    ),
    (r"expected '<document start>'", "text follows the end of the document", "a config is one document"),
)


def sentence(context: str | None, problem: str | None, before: str) -> tuple[str, str | None]:
    """(message, hint) for a YAMLError with this context and problem, and the text just before its place."""
    if before.endswith(("$", "${")):
        return "a reference inside { } or [ ] needs quotes", 'write "${vars.name}"'
    said = f"{context or ''}: {problem or ''}"
    for pattern, message, hint in _SENTENCES:
        if found := re.search(pattern, said, re.DOTALL):
            return message.replace("{0}", found[1]) if found.re.groups else message, hint
    return f"this is not valid YAML ({problem or 'it cannot be read'})", None
