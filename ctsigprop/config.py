"""Settings as YAML: reading refuses what it does not know, and says which name is nearest."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import get_loader

from ctsigprop.errors import InputError
from ctsigprop.settings import WINGS, AnySettings
from ctsigprop.settings.data import OF_A_FILE

CONFIG = "config.yaml"
"""The name of the file of settings in a run's folder."""

Values = Mapping[str, Mapping[str, Any]]
"""Settings as {group: {name: value}}."""

WING = "wing"
CONTINUOUS = "continuous"
GROUPS_OF_SETTINGS = "groups of settings: {}"


def groups(wing: str = CONTINUOUS) -> dict[str, type[Any]]:
    """The groups of a wing's settings, by name."""
    return {group.name: group.type for group in fields(WINGS[wing])}  # type: ignore[misc]


def names(group: str, wing: str = CONTINUOUS) -> list[str]:
    """Names of a group's settings."""
    return [setting.name for setting in fields(groups(wing)[group])]


def wing_of(settings: AnySettings) -> str:
    """The wing that a run of these settings belongs to."""
    return next(wing for wing, kind in WINGS.items() if isinstance(settings, kind))


def check_wing(wing: object, given: str = WING) -> str:
    """A value that has turned out to be a wing's name.

    Args:
        wing: the value.
        given: how it was given, in the words of a refusal.

    Raises:
        InputError: there is no such wing.
    """
    if not isinstance(wing, str) or wing not in WINGS:
        raise InputError(f"{given} = {wing}: must be one of {', '.join(WINGS)}")
    return wing


def nearest(name: str, known: Collection[str]) -> str:
    """What to do about an unknown name: the one that was probably meant, or all there are."""
    close = get_close_matches(name, known, n=1)
    return f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"


def settings_from(values: Mapping[str, Any], wing: str = CONTINUOUS) -> Any:
    """A wing's settings of a mapping {group: {name: value}}; what is left out keeps its default.

    Raises:
        InputError: an unknown group or name, or a value that the settings refuse.
    """
    check_names(values, wing)
    kinds = groups(wing)
    return WINGS[wing](**{group: kinds[group](**content) for group, content in values.items()})


def check_names(values: Mapping[str, Any], wing: str = CONTINUOUS) -> None:
    """Passes a mapping {group: {name: value}} whose groups and names all exist.

    Raises:
        InputError: the first that does not, and the name that is nearest.
    """
    for group, content in values.items():
        if group not in groups(wing):
            raise InputError(f"{group} = {content!r}: no such group: {nearest(str(group), groups(wing))}")
        known = names(group, wing)
        if not isinstance(content, Mapping):
            raise InputError(f"{group} = {content!r}: must be a mapping of {', '.join(known)}")
        for name, value in content.items():
            if name not in known:
                hint = nearest(str(name), known)
                raise InputError(f"{group}.{name} = {value!r}: no such setting: {hint}")


def read_mapping(path: Path, of: str) -> dict[str, Any]:
    """The mapping that a YAML file holds. 1e-4 is a number.

    Args:
        path: of the file.
        of: what it should map, in the words of a refusal.

    Raises:
        InputError: the file cannot be read, is not YAML or no mapping, or holds a key twice.
    """
    try:
        text = path.read_text(encoding="utf-8")
        twice, values = _repeated(yaml.compose(text, yaml.SafeLoader)), get_loader("yaml")(text)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}): give a YAML file") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not a text file: give a YAML file") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "not readable"
        raise InputError(f"{path}{where}: is not valid YAML ({problem}): mend the line") from error
    except (ValueError, RecursionError) as error:  # a date or number that is none, or no end of nesting
        raise InputError(f"{path}: holds a value that cannot be read, or is nested without end: mend it") from error
    if not isinstance(values, dict):
        raise InputError(f"{path}: must be a mapping of {of}")
    if twice is not None:
        raise InputError(f"{path}, line {twice.start_mark.line + 1}: {twice.value} is there twice: keep one")
    return values


def read_wing(path: Path) -> str:
    """The wing whose settings a YAML file holds: continuous where it does not say.

    Raises:
        InputError: the file cannot be used, or names a wing that there is not.
    """
    values = read_mapping(path, GROUPS_OF_SETTINGS.format(", ".join(groups())))
    with named(path):
        return check_wing(values.get(WING, CONTINUOUS))


def read_values(path: Path, wing: str = CONTINUOUS) -> dict[str, dict[str, Any]]:
    """What a YAML file sets, {group: {name: value}}: names are checked, values are not.

    Raises:
        InputError: the file cannot be used, is of another wing, or names what there is not.
    """
    values = read_mapping(path, GROUPS_OF_SETTINGS.format(", ".join(groups(wing))))
    with named(path):
        own = check_wing(values.pop(WING, CONTINUOUS))
        if own != wing:
            raise InputError(
                f"wing = {own}: needed are settings of the {wing} wing: give another file, or --wing {own}"
            )
        check_names(values, wing)
    return values


def read_settings(path: Path) -> Any:
    """Settings of a YAML file, of the wing that it names.

    Raises:
        InputError: naming the file, and the setting where it is one.
    """
    wing = read_wing(path)
    values = read_values(path, wing)
    with named(path):
        return settings_from(values, wing)


def to_values(settings: AnySettings) -> dict[str, dict[str, Any]]:
    """Settings as the mapping {group: {name: value}} that makes them; those of a file of data where there is one."""
    values = {
        group: {name: list(value) if isinstance(value, tuple) else value for name, value in content.items()}
        for group, content in asdict(settings).items()
    }
    if settings.data.file is None:
        for name in OF_A_FILE:
            del values["data"][name]
    return values


def to_yaml(settings: AnySettings) -> str:
    """All settings, resolved, as `read_settings` reads them."""
    wing = wing_of(settings)
    head = {} if wing == CONTINUOUS else {WING: wing}
    return str(yaml.safe_dump({**head, **to_values(settings)}, sort_keys=False))


def _repeated(node: yaml.Node | None) -> yaml.Node | None:
    """The first key that a mapping, or one inside it, holds twice: YAML would keep the last in silence."""
    if isinstance(node, yaml.SequenceNode):
        return next(filter(None, map(_repeated, node.value)), None)
    if not isinstance(node, yaml.MappingNode):
        return None
    seen = set()
    for key, value in node.value:
        name = str(key.value)
        if name in seen:
            return key
        seen.add(name)
        if inner := _repeated(value):
            return inner
    return None


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Puts a file's name before what is refused in the block."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
