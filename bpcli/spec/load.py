"""A YAML file, and what the command line says about it, made into a typed experiment.

    text -> tree with places (reader) -> extends (merge) -> overrides -> ${references} -> Experiment

Everything that is wrong is reported together, each thing once, with file, line, column and key.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpcli.errors import ConfigError, Problem
from bpcli.files import find_config
from bpcli.spec.folders import move_paths
from bpcli.spec.merge import extended
from bpcli.spec.nodes import MAX_DEPTH, MAX_VALUES, Node, Place, Places, Problems
from bpcli.spec.overrides import override, set_option
from bpcli.spec.reader import parse, read_config
from bpcli.spec.references import References
from bpcli.spec.write import to_yaml

if TYPE_CHECKING:
    from bpcli.spec.experiment import Experiment


@dataclass(frozen=True)
class Loaded:
    """An experiment and where it comes from.

    `folder` is what data paths are relative to; `text` is the config as written; `tree` is what was
    validated: plain values after extends, overrides and references; `places` finds a key in the file.
    """

    experiment: Experiment
    file: Path | None
    folder: Path
    text: str
    tree: dict[str, Any]
    places: Places


def load(
    config: str | Path,
    overrides: Sequence[str] = (),
    *,
    seed: int | None = None,
    device: str | None = None,
    name: str | None = None,
) -> Loaded:
    """Reads a config given by path or shipped name. ConfigError holds all that is wrong with it."""
    file = find_config(str(config))
    text = read_config(file)
    problems = Problems(str(file))
    root = _root(parse(text, str(file), problems), str(file), problems)
    return _finish(root, text, file, file.parent, overrides, problems, seed=seed, device=device, name=name)


def load_resolved(path: Path, overrides: Sequence[str] = (), *, folder: Path) -> Loaded:
    """Reads a run's resolved.yaml; `folder` is where the data paths of the original config begin."""
    text = read_config(path)
    problems = Problems(str(path))
    root = _root(parse(text, str(path), problems), str(path), problems)
    return _finish(root, text, path, folder, overrides, problems)


def load_mapping(mapping: Mapping[str, Any], *, folder: Path, name: str | None = None) -> Loaded:
    """An experiment from a mapping of plain values in memory, with the same rules and messages as a file."""
    from bpcli.spec.memory import from_memory

    problems = Problems()
    root = _root(from_memory(mapping, problems), None, problems)
    from bpcli.spec.write import dump

    return _finish(root, dump(root.plain()), None, folder, (), problems, name=name)


def _root(root: Node | None, file: str | None, problems: Problems) -> Node:
    place = Place(file, 1, 1) if file else Place()
    if root is None or (root.value is None and not root.broken):
        problems.add("the config is empty", place, hint="a config has at least the sections data and model")
    elif not isinstance(root.value, dict) and not root.broken:
        problems.add("a config is a mapping of keys such as data and model", root.place)
    if root is None or not isinstance(root.value, dict):
        problems.raise_all()
        raise ConfigError("the config holds nothing that can be read", file=file, line=1, column=1)
    return root


def _finish(
    root: Node,
    text: str,
    file: Path | None,
    folder: Path,
    overrides: Sequence[str],
    problems: Problems,
    *,
    seed: int | None = None,
    device: str | None = None,
    name: str | None = None,
) -> Loaded:
    extends = root.child("extends") is not None
    root = extended(root, folder, file, problems)
    for given in overrides:
        override(root, given, problems)
    for path, value, flag in (
        (("seed",), seed, "--seed"), (("train", "device"), device, "--device"), (("name",), name, "--name"),
    ):  # fmt: skip
        if value is not None:
            set_option(root, path, value, flag, problems)
    References(problems).substitute(root)
    if extends:
        move_paths(root, folder)
    assert isinstance(root.value, dict)
    if "name" not in root.value:
        root.value["name"] = Node(_default_name(file), root.place)
    depth, values = _size(root)
    if depth > MAX_DEPTH or values > 2 * MAX_VALUES:  # overrides and references may have added to the file
        problems.add("the config is too large, or nested too deep", root.place)
        problems.raise_all()
    tree: dict[str, Any] = root.plain()
    places = Places(root)
    experiment = _validated(tree, places, problems)
    return Loaded(experiment, file, folder.absolute(), text, tree, places)


def _validated(tree: dict[str, Any], places: Places, problems: Problems) -> Experiment:
    from pydantic import ValidationError

    from bpcli.spec.experiment import Experiment

    experiment = None
    try:
        experiment = Experiment.model_validate(tree)
    except ValidationError as error:
        from bpcli.spec.explain import explain

        for problem in explain(error, tree, places):
            problems.put(problem)
    problems.raise_all()
    if experiment is None:  # every error lay below a value that was refused before, so one was raised above
        raise ConfigError(Problem("the config is not valid", str(places.root.place.file or "") or None))
    return experiment


def _default_name(file: Path | None) -> str:
    """The file's stem, in the letters that a name may have."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", file.stem if file else "").lstrip("._-")[:80]
    return stem or "experiment"


def _size(node: Node) -> tuple[int, int]:
    """(levels of lists and mappings, number of values)."""
    inner = [_size(child) for child in node.children()]
    levels = 1 + max((depth for depth, _ in inner), default=0) if isinstance(node.value, (dict, list)) else 0
    return levels, 1 + sum(values for _, values in inner)


__all__ = ["Loaded", "Places", "load", "load_mapping", "load_resolved", "to_yaml"]
