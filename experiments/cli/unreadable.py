"""What is wrong with a command line, in the program's own words: a parser's may be many lines about Python types."""

import re
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher

from ctsigprop.errors import InputError
from ctsigprop.experiments.cli.flags import last_given
from ctsigprop.experiments.cli.written import value_of
from ctsigprop.settings.config import settings_from

NEAR = 0.75
"""Likeness from which one flag may have been meant for another."""


def explained(message: str, command: str, words: Sequence[str], flags: Iterable[str], family: str) -> str:
    """A parser's message as one line that says what to do.

    Args:
        message: of the parser.
        command: that it reads.
        words: of the command line behind the command.
        flags: all that the command has.
        family: whose settings they set.
    """
    if unknown := re.match(r"unrecognized arguments: (\S+)", message):
        word = unknown[1].partition("=")[0]
        if word.startswith("-"):
            return f"{word}: no such flag: {_meant(word, flags, command)}"
        of_train = ": settings are given as --GROUP.SETTING VALUE" if command == "train" else ": leave it out"
        return f"{unknown[1]}: one argument too many{of_train}"
    if bare := re.match(r"argument (\S+): expected one argument", message):
        return f"{bare[1]}: needs a value after it"
    if text := re.match(r"argument (\S+): ignored explicit argument (.*)", message):
        return f"{text[1]} = {text[2]}: takes no value: leave it out, or leave out the flag"
    if key := re.match(r'Parser key "(\w+)\.(\w+)"', message):
        group, name = key.groups()
        flag = f"--{group}.{name}"
        try:
            settings_from({group: {name: value_of(flag, last_given(flag, words) or "")}}, family)
        except InputError as error:
            return str(error)
    return " ".join(message.split())


def _meant(word: str, flags: Iterable[str], command: str) -> str:
    """The flag that was probably meant: one of much the same name, and of much the same group where one was given."""
    near = max(flags, key=lambda flag: _likeness(word, flag), default="")
    if _likeness(word, near) < NEAR:
        return f"`ctsigprop {command} --help` lists all"
    return f"did you mean {near}?"


def _likeness(word: str, flag: str) -> float:
    """How alike two flags are, from 0 to 1; the name counts alone where it is the same, or stands alone."""
    (group, name), (own_group, own_name) = (one.lstrip("-").rpartition(".")[::2] for one in (word, flag))
    of_name = SequenceMatcher(None, name, own_name).ratio()
    if not group or of_name == 1:
        return of_name
    return min(of_name, SequenceMatcher(None, group, own_group).ratio())
