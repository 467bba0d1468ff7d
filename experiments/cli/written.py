"""Values of settings as they are written on a command line."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from ctsigprop.core.yaml_text import TooLarge, parsed, written_on_one_line
from ctsigprop.errors import InputError
from ctsigprop.settings.config import in_form


def in_form_of(kinds: Mapping[str, type[Any]], words: Sequence[str]) -> list[str]:
    """A command line whose flags of settings are --GROUP.SETTING=VALUE, each value in the form of its setting's type.

    A value that begins with a minus is no flag then, whichever number it is.

    Args:
        kinds: dataclass of each group of settings.
        words: of the command line.

    Raises:
        InputError: a value is too large or too deep to be one.
    """
    types = {f"--{group}.{one.name}": one.type for group, kind in kinds.items() for one in fields(kind)}
    found, left = [], list(words)
    while left:
        flag, equals, text = (word := left.pop(0)).partition("=")
        if flag not in types:
            found.append(word)
        elif not equals and (not left or left[0].startswith("--")):
            found.append(flag)  # without a value
        else:
            text = text if equals else left.pop(0)
            found.append(f"{flag}={_formed(flag, text, types[flag])}")
    return found


def value_of(flag: str, text: str) -> Any:
    """What is given for a flag: a YAML value, or the text itself where it is none.

    Raises:
        TooLarge: it is too large or too deep to be a value.
    """
    try:
        return parsed(text, flag)
    except TooLarge:
        raise
    except InputError:
        return text


def _formed(flag: str, text: str, kind: Any) -> str:
    read = value_of(flag, text)
    formed = in_form(read, kind)
    if repr(formed) == repr(read):
        return text
    return written_on_one_line(formed)
