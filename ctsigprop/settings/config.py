"""Settings as YAML: reading refuses what it does not know, and says which name is nearest."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, fields
from difflib import get_close_matches
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin

import yaml

from ctsigprop.errors import InputError
from ctsigprop.files import read_bytes
from ctsigprop.settings import WINGS, AnySettings
from ctsigprop.settings.data import OF_A_FILE
from ctsigprop.yaml_text import parsed

CONFIG = "config.yaml"
"""The name of the file of settings in a run's folder."""

Values = Mapping[str, Mapping[str, Any]]
"""Settings as {group: {name: value}}."""

WING = "wing"
CONTINUOUS = "continuous"
MOST_BYTES = 1 << 20
"""Of a file of settings or of a sweep."""
ALIKE = 0.65
"""Similarity of two names, from 0 to 1, from which one may have been meant for the other."""
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
    close = get_close_matches(name, known, n=1, cutoff=ALIKE)
    return f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"


def settings_from(values: Mapping[str, Any], wing: str = CONTINUOUS) -> Any:
    """A wing's settings of a mapping {group: {name: value}}; what is left out keeps its default.

    Raises:
        InputError: an unknown group or name, or a value that the settings refuse.
    """
    check_names(values, wing)
    made = {}
    for group, kind in groups(wing).items():
        types = {setting.name: setting.type for setting in fields(kind)}
        content = values.get(group, {})
        made[group] = kind(**{name: in_form(value, types[name]) for name, value in content.items()})
    return WINGS[wing](**made)


def in_form(value: object, kind: Any) -> object:
    """A value as the type of its setting writes it, where it says the same: 1e3 as 1000, 128 as [128].

    Args:
        value: of a text, checked by nothing yet.
        kind: the setting's type.
    """
    kinds = get_args(kind) if get_origin(kind) is UnionType else (kind,)
    entry = next((get_args(one)[0] for one in kinds if get_origin(one) is tuple), None)
    if entry is not None:
        single = isinstance(value, str) if entry is str else isinstance(value, int | float)
        entries: object = [value] if single else value
        return [in_form(one, entry) for one in entries] if isinstance(entries, list | tuple) else entries
    return int(value) if int in kinds and isinstance(value, float) and value.is_integer() else value


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
    """The mapping that a YAML file holds: the program reads every YAML file here.

    Args:
        path: of the file, no larger than MOST_BYTES.
        of: what it should map, in the words of a refusal.

    Raises:
        InputError: the file cannot be read, is not YAML or no mapping, or holds a key twice.
    """
    try:
        text = read_bytes(path, most=MOST_BYTES).decode()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}): give a YAML file") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not a text file: give a YAML file") from error
    values = parsed(text, str(path))
    if not isinstance(values, dict):
        raise InputError(f"{path}: must be a mapping of {of}")
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
    values = read_mapping(path, GROUPS_OF_SETTINGS.format(", ".join(groups())))
    with named(path):
        return settings_from(values, check_wing(values.pop(WING, CONTINUOUS)))


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


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Puts a file's name before what is refused in the block."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
