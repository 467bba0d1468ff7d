"""Settings from the command line: flags over a YAML file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ctsigprop.config import GROUPS, read_values
from ctsigprop.errors import InputError

CONFIGS = Path(__file__).parent / "configs"

Values = Mapping[str, Mapping[str, Any]]


def given(options: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What the user set, {group: {name: value}}: the flags, and below them the file that --config names.

    Raises:
        InputError: the file cannot be used.
    """
    values = read_values(config_path(options["config"])) if "config" in options else {}
    return merged(values, {group: content for group, content in options.items() if group in GROUPS})


def merged(below: Values, above: Values) -> dict[str, dict[str, Any]]:
    """Two mappings {group: {name: value}} as one, in which `above` wins."""
    return {group: {**below.get(group, {}), **above.get(group, {})} for group in {**below, **above}}


def config_path(name: str) -> Path:
    """The file that --config means.

    Raises:
        InputError: there is no such file.
    """
    return shipped_or_path(name, CONFIGS, f"--config = {name}")


def shipped_or_path(name: str, folder: Path, asked: str) -> Path:
    """A YAML file: one that the package ships in `folder`, by its bare name, or any other, by its path.

    Args:
        name: as the user gave it.
        folder: of the shipped files.
        asked: how the user gave it, in the words of a refusal.

    Raises:
        InputError: there is no such file.
    """
    shipped = {path.stem: path for path in sorted(folder.glob("*.yaml"))}
    path = shipped.get(name, Path(name))
    if not path.exists():
        raise InputError(f"{asked}: no such file: give a YAML file, or one of {', '.join(shipped)}")
    return path
