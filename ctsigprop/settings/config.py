"""Settings as YAML: reading refuses what it does not know, and says which name is nearest."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

from ctsigprop.core.files import read_bytes
from ctsigprop.core.yaml_text import parsed, written
from ctsigprop.errors import InputError
from ctsigprop.settings import FAMILIES, MADE_IN_PYTHON, AnySettings
from ctsigprop.settings.data import OF_A_FILE
from ctsigprop.settings.own import OWN

CONFIG = "config.yaml"
"""The name of the file of settings in a run's folder."""

Values = Mapping[str, Mapping[str, Any]]
"""Settings as {group: {name: value}}."""

FAMILY = "family"
OLD_FAMILY = "wing"
CONTINUOUS = "continuous"
MOST_BYTES = 1 << 20
"""Of a file of settings or of a sweep."""
ALIKE = 0.65
"""Similarity of two names, from 0 to 1, from which one may have been meant for the other."""
GROUPS_OF_SETTINGS = "groups of settings: {}"


def groups(family: str = CONTINUOUS) -> dict[str, type[Any]]:
    """The groups of a family's settings, by name."""
    return groups_of(FAMILIES[family])


def groups_of(kind: type[AnySettings]) -> dict[str, type[Any]]:
    """The groups of one kind of settings, by name."""
    return {group.name: group.type for group in fields(kind)}  # type: ignore[misc]


def kind_of(values: Mapping[str, Any], family: str) -> type[AnySettings]:
    """The kind of settings that a mapping {group: {name: value}} of a family is of."""
    network = values.get("network")
    own = isinstance(network, Mapping) and network.get("architecture") == OWN
    return MADE_IN_PYTHON[family] if own and family in MADE_IN_PYTHON else FAMILIES[family]


def names(group: str, family: str = CONTINUOUS) -> list[str]:
    """Names of a group's settings."""
    return [setting.name for setting in fields(groups(family)[group])]


def family_of(settings: AnySettings) -> str:
    """The family that a run of these settings belongs to."""
    kinds = (*FAMILIES.items(), *MADE_IN_PYTHON.items())
    return next(family for family, kind in kinds if isinstance(settings, kind))


def check_family(family: object, given: str = FAMILY) -> str:
    """A value that has turned out to be a family's name.

    Args:
        family: the value.
        given: how it was given, in the words of a refusal.

    Raises:
        InputError: there is no such family.
    """
    if not isinstance(family, str) or family not in FAMILIES:
        raise InputError(f"{given} = {family}: must be one of {', '.join(FAMILIES)}")
    return family


def nearest(name: str, known: Collection[str]) -> str:
    """Return the remedy for an unknown name: the name probably meant, or all names."""
    close = get_close_matches(name, known, n=1, cutoff=ALIKE)
    return f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"


def settings_from(values: Mapping[str, Any], family: str = CONTINUOUS) -> Any:
    """A family's settings of a mapping {group: {name: value}}; what is left out keeps its default.

    Raises:
        InputError: an unknown group or name, or a value that the settings refuse.
    """
    check_names(values, family)
    settings, made = kind_of(values, family), {}
    for group, kind in groups_of(settings).items():
        types = {setting.name: setting.type for setting in fields(kind)}
        content = values.get(group, {})
        made[group] = kind(**{name: in_form(value, types[name]) for name, value in content.items()})
    return settings(**made)


def in_form(value: object, kind: Any) -> object:
    """A value as the type of its setting writes it, where it says the same: 1e3 as 1000, 128 as [128].

    Args:
        value: of a text, checked by nothing yet.
        kind: the setting's type.
    """
    kinds = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    entry = next((get_args(one)[0] for one in kinds if get_origin(one) is tuple), None)
    if entry is not None:
        single = isinstance(value, str) if entry is str else isinstance(value, int | float)
        entries: object = [value] if single else value
        return [in_form(one, entry) for one in entries] if isinstance(entries, list | tuple) else entries
    return int(value) if int in kinds and isinstance(value, float) and value.is_integer() else value


def check_names(values: Mapping[str, Any], family: str = CONTINUOUS) -> None:
    """Refuse a mapping {group: {name: value}} with unknown groups or names.

    Raises:
        InputError: the first that does not, and the name that is nearest.
    """
    kinds = groups_of(kind_of(values, family))
    for group, content in values.items():
        if group not in kinds:
            raise InputError(f"{group} = {content!r}: no such group: {nearest(str(group), kinds)}")
        known = [setting.name for setting in fields(kinds[group])]
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
        return mapping_of(read_bytes(path, most=MOST_BYTES), path, of)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}): give a YAML file") from error


def mapping_of(content: bytes, path: Path, of: str) -> dict[str, Any]:
    """The mapping that a YAML file with this content holds; arguments and errors as of `read_mapping`."""
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not a text file: give a YAML file") from error
    values = parsed(text, str(path))
    if not isinstance(values, dict):
        raise InputError(f"{path}: must be a mapping of {of}")
    return _renamed(values)


def _renamed(values: dict[str, Any]) -> dict[str, Any]:
    """The mapping of a file of version 0.1, which called a model family a wing, in the words of today."""
    if OLD_FAMILY not in values or FAMILY in values:
        return values
    return {FAMILY if key == OLD_FAMILY else key: value for key, value in values.items()}


def read_family(path: Path) -> str:
    """The family whose settings a YAML file holds: continuous where it does not say.

    Raises:
        InputError: the file cannot be used, or names a family that there is not.
    """
    values = read_mapping(path, GROUPS_OF_SETTINGS.format(", ".join(groups())))
    with named(path):
        return check_family(values.get(FAMILY, CONTINUOUS))


def read_values(path: Path, family: str = CONTINUOUS) -> dict[str, dict[str, Any]]:
    """Return what a YAML file sets, {group: {name: value}}: names are checked, values are not.

    Raises:
        InputError: the file cannot be used, is of another family, or names what there is not.
    """
    values = read_mapping(path, GROUPS_OF_SETTINGS.format(", ".join(groups(family))))
    with named(path):
        own = check_family(values.pop(FAMILY, CONTINUOUS))
        if own != family:
            raise InputError(
                f"family = {own}: needed are settings of the {family} family: give another file, or --family {own}"
            )
        check_names(values, family)
    return values


def read_settings(path: Path) -> Any:
    """Settings of a YAML file, of the family that it names.

    Raises:
        InputError: naming the file, and the setting where it is one.
    """
    return _settings_of(read_mapping(path, GROUPS_OF_SETTINGS.format(", ".join(groups()))), path)


def settings_in(content: bytes, path: Path) -> Any:
    """Settings of a YAML file with this content; see `read_settings`."""
    return _settings_of(mapping_of(content, path, GROUPS_OF_SETTINGS.format(", ".join(groups()))), path)


def _settings_of(values: dict[str, Any], path: Path) -> Any:
    with named(path):
        return settings_from(values, check_family(values.pop(FAMILY, CONTINUOUS)))


def to_values(settings: AnySettings) -> dict[str, dict[str, Any]]:
    """Settings as the mapping {group: {name: value}} that makes them; those of a file of data where there is one."""
    values = {
        group: {name: _plain(value) for name, value in vars(content).items()}
        for group, content in vars(settings).items()
    }
    if settings.data.file is None:
        for name in OF_A_FILE:
            del values["data"][name]
    return values


def _plain(value: Any) -> Any:
    """A value as YAML has it."""
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value


def to_yaml(settings: AnySettings) -> str:
    """All settings, resolved, as `read_settings` reads them."""
    family = family_of(settings)
    head = {} if family == CONTINUOUS else {FAMILY: family}
    return written({**head, **to_values(settings)})


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Put a file's name before an error of the block."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
