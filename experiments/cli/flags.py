"""Settings from the command line: flags over a YAML file."""

from collections.abc import Mapping, Sequence
from os.path import isfile
from pathlib import Path
from typing import Any

from ctsigprop.errors import InputError
from ctsigprop.settings import AnySettings
from ctsigprop.settings.config import (
    CONFIG,
    CONTINUOUS,
    check_family,
    family_of,
    groups,
    named,
    read_family,
    read_values,
    settings_from,
)

CONFIGS = Path(__file__).parents[1] / "configs"

SPIKING = "spiking"

Values = Mapping[str, Mapping[str, Any]]


def family_asked_for(arguments: Sequence[str]) -> str:
    """The family that a command line is about: its flags depend on it.

    It is what --family says, or else what the file of --config says, or the settings of the run that it resumes.

    Raises:
        InputError: there is no such family, or the file cannot be used.
    """
    family, config, run = (last_given(f"--{flag}", arguments) for flag in ("family", "config", "run-dir"))
    check_given("--family", family)
    check_given("--config", config)
    if family is not None:
        return check_family(family, "--family")
    if config is not None:
        return read_family(config_path(config))
    if run is not None and "--resume" in arguments and isfile(Path(run) / CONFIG):
        return read_family(Path(run) / CONFIG)
    return CONTINUOUS


def check_given(name: str, value: object) -> None:
    """Pass what was given for an option, or nothing.

    Raises:
        InputError: an empty text was given, which would be the current folder where a path is meant.
    """
    if value in ("", [""]):
        raise InputError(f"{name} = '': is empty: give a value, or leave it out")


def last_given(flag: str, arguments: Sequence[str]) -> str | None:
    """What was last given for a flag, as `--flag text` or `--flag=text`."""
    found = None
    for word, following in zip(arguments, [*arguments, None][1:], strict=True):
        name, equals, text = word.partition("=")
        if name == flag:
            found = text if equals else following
    return found


def settings_given(options: Mapping[str, Any], family: str, before: Values | None = None) -> Any:
    """The settings that the user gave: the flags, below them the file that --config names, below both the defaults.

    Args:
        options: what the user gave.
        family: whose settings they are.
        before: values that stand in place of the defaults.

    Raises:
        InputError: the file cannot be used, naming it, or a setting is wrong, naming the file too if it is the file's;
            or --model is not for this family or says something else than the setting.
    """
    path = config_path(options["config"]) if "config" in options else None
    below = merged(before or {}, read_values(path, family) if path else {})
    values = merged(merged(below, _flags(options, family)), _model(options, family))
    try:
        return settings_from(values, family)
    except InputError:
        if path:
            with named(path):
                settings_from(below, family)
        raise


def check_used(options: Mapping[str, Any], settings: AnySettings) -> None:
    """Passes flags that something in the run depends on; files may say more.

    Args:
        options: what the user gave.
        settings: what that came to.

    Raises:
        InputError: naming the first flag that nothing depends on, and the setting because of which.
    """
    for group, content in _flags(options, family_of(settings)).items():
        for name in content:
            if reason := settings.inactive.get((group, name)):
                raise InputError(f"--{group}.{name}: nothing depends on it where {reason}: leave it out")


def _flags(options: Mapping[str, Any], family: str) -> Values:
    """The settings among the options."""
    return {group: content for group, content in options.items() if group in groups(family)}


def _model(options: Mapping[str, Any], family: str) -> Values:
    """What --model sets: it is short for --learning.model of the spiking family."""
    model = options.get("model")
    if model is None:
        return {}
    if family != SPIKING:
        raise InputError(
            f"--model = {model}: is of the {SPIKING} family, this run of the {family} family: pass --family {SPIKING}"
        )
    long = options.get("learning", {}).get("model", model)
    if long != model:
        raise InputError(f"--model = {model}: is short for --learning.model, which is {long}: give one of the two")
    return {"learning": {"model": model}}


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
