"""What Pydantic found wrong, as one sentence each, at its place in the file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from bpcli.errors import Problem, dotted
from bpcli.spec.findings import findings_of
from bpcli.spec.nodes import Path, Places
from bpcli.spec.remedies import wrong_value
from bpcli.spec.scalars import clip
from bpcli.spec.schema import options_at
from bpcli.spec.suggest import unknown_key
from bpcli.spec.words import in_words


def explain(error: ValidationError, tree: dict[str, Any], places: Places) -> Iterator[Problem]:
    """The problems behind a ValidationError of the whole experiment, without order.

    One by one, so that a file with thousands costs no more than those that are reported.
    """
    findings = findings_of(error, tree)
    findings = [finding for finding in findings if not places.is_broken(finding.path)]
    missing = {finding.path for finding in findings if finding.kind == "missing"}
    for finding in findings:
        if finding.kind == "extra_forbidden":
            hint, meant = unknown_key(finding.path, tree, missing)
            missing.discard(meant)
            key = finding.path[-1]
            problem = places.problem(
                finding.path, f"unknown key {clip(str(key))!r}", hint, "BP212", on_key=True
            )
            yield _at_parent(problem, finding.path)
    for finding in findings:
        if finding.kind == "missing" and finding.path in missing:
            missing.discard(finding.path)
            key, parent = finding.path[-1], finding.path[:-1]
            if places.node(parent)[0].partial:
                continue
            expected = in_words(options_at(tree, finding.path))
            yield places.problem(parent, f"'{key}' is missing", f"expected {expected}", "BP214")
        elif finding.kind not in ("missing", "extra_forbidden"):
            quoted = places.node(finding.path)[0].quoted
            message, hint = wrong_value(finding, options_at(tree, finding.path), quoted)
            yield places.problem(finding.path, message, hint, "BP213")


def _at_parent(problem: Problem, path: Path) -> Problem:
    return replace(problem, path=dotted(path[:-1]) or None)
