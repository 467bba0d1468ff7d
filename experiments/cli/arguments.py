"""What several commands are given: a run's folder, one of a few names, a number, a file to write."""

import shlex
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ctsigprop.core.files import check_replaceable
from ctsigprop.errors import InputError
from ctsigprop.settings.config import nearest

if TYPE_CHECKING:
    from ctsigprop.runs import RunFolder

MOST_DIGITS = 20  # digits of a number


def named_run(command: str, options: Mapping[str, Any]) -> "RunFolder":
    """The run that the command line names, opened to be read.

    Raises:
        InputError: it names none, or there is no run.
    """
    from ctsigprop.runs import RunFolder  # and with it NumPy

    if options.get("run") is None:
        raise InputError(f"{command}: does not say which run: give its folder, as `ctsigprop train` printed it")
    return RunFolder.open(Path(options["run"]))


def whole_number(options: Mapping[str, Any], name: str, default: int, least: int, most: int) -> int:
    """The whole number given for --name, or its default where that is no more than `most`.

    Raises:
        InputError: not a whole number, or outside its bounds.
    """
    text = str(options.get(name, min(default, most)))
    if not (text.isdecimal() and len(text) <= MOST_DIGITS and least <= int(text) <= most):
        raise InputError(f"--{name} = {text}: must be a whole number from {least} to {most}")
    return int(text)


def listed(options: Mapping[str, Any], known: Mapping[str, str], what: str) -> str | None:
    """The name that was given, or None once all are listed where none was.

    Args:
        options: what the user gave.
        known: the names with their meanings.
        what: they name, in the words of a refusal.

    Raises:
        InputError: an unknown name.
    """
    name = options.get("name")
    if name is None:
        width = max(map(len, known)) + 2
        for one, meaning in known.items():
            print(f"{one:<{width}}{meaning}")
    elif name not in known:
        raise InputError(f"{name}: no such {what}: {nearest(name, known)}")
    return name


def one_of(options: Mapping[str, Any], name: str, default: str, allowed: Collection[str]) -> str:
    """A word that the user may give.

    Args:
        options: what the user gave.
        name: of the option.
        default: taken where it is left out.
        allowed: all words that are.

    Raises:
        InputError: another word.
    """
    word: str = options.get(name, default)
    if word not in allowed:
        raise InputError(f"--{name} = {word}: must be one of {', '.join(allowed)}")
    return word


def output_file(text: str, given: str = "--output") -> Path:
    """The file to write that the command line names.

    Args:
        text: as the user gave it.
        given: how, in the words of a refusal.

    Raises:
        InputError: its folder is not there, or the name is of something that is no regular file.
    """
    output = Path(text)
    if not output.parent.is_dir():
        raise InputError(f"{given} = {output}: no such folder as {output.parent}: make it first")
    check_replaceable(output, f"{given} = ")
    return output


def command_line(options: Mapping[str, Any], *words: str, flags: Sequence[str]) -> str:
    """The command line, as a shell takes it, of a command's words and those of its flags that were given."""
    given = [word for flag in flags if flag in options for word in (f"--{flag}", str(options[flag]))]
    return shlex.join(["ctsigprop", *words, *given])
