"""Finds the files that a config names: on disk first, then among those that bpcli ships."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bpcli.errors import DataError, UsageError, closest

_PACKAGE = Path(__file__).resolve().parent


def shipped(kind: str) -> Path:
    """The folder of shipped `configs` or `datasets`: inside the wheel, or beside the package in a clone."""
    inside = _PACKAGE / "shipped" / kind
    return inside if inside.is_dir() else _PACKAGE.parent / kind


def shipped_configs() -> dict[str, Path]:
    """Name -> file of every config that travels with bpcli."""
    return {path.stem: path for path in sorted(shipped("configs").glob("*.yaml"))}


def find_config(name: str) -> Path:
    """The file of a config given by path or by shipped name; a file on disk wins."""
    path = Path(name).expanduser()
    if path.is_file():
        return path
    if path.is_dir():
        raise UsageError(f"{name} is a folder, not a config file", hint="give the YAML file inside it")
    known = shipped_configs()
    if name in known:
        return known[name]
    near = closest(name, known)
    hint = f"did you mean '{near}'?" if near else "`bpcli list configs` shows the shipped ones"
    raise UsageError(f"there is no config file {name}, nor a shipped config of that name", hint=hint)


@dataclass(frozen=True, slots=True)
class Files:
    """Finds the paths of one config: relative to its folder, to the working directory, then shipped."""

    folder: Path

    def candidates(self, path: str) -> Iterator[Path]:
        given = Path(path).expanduser()
        if given.is_absolute():
            yield given
            return
        yield self.folder / given
        yield Path.cwd() / given
        if given.parts[:1] == ("datasets",):
            yield shipped("datasets").joinpath(*given.parts[1:])

    def find(self, path: str, *, folder: bool = False) -> Path:
        """The first of the places that exists, also a folder with `folder`; DataError names all otherwise."""
        tried = list(dict.fromkeys(candidate.absolute() for candidate in self.candidates(path)))
        for candidate in tried:
            if candidate.exists():
                if candidate.is_dir() and not folder:
                    raise DataError(f"{path} is a folder; a file is needed", file=str(candidate))
                return candidate
        raise DataError(
            f"there is no {'folder or file' if folder else 'data file'} {path}",
            hint="looked at " + ", ".join(map(str, tried)),
            code="BP231",
        )
