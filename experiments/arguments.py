"""What the commands that look at a finished run are given: its folder, numbers of samples."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ctsigprop.errors import InputError
from ctsigprop.runs import RunFolder


def named_run(command: str, options: Mapping[str, Any]) -> RunFolder:
    """The run that the command line names, opened to be read.

    Raises:
        InputError: it names none, or there is no run.
    """
    if options.get("run") is None:
        raise InputError(f"{command}: does not say which run: give its folder, as `ctsigprop train` printed it")
    return RunFolder.open(Path(options["run"]))


def whole_number(options: Mapping[str, Any], name: str, default: int, least: int, most: int) -> int:
    """The whole number given for --name, or its default where that is no more than `most`.

    Raises:
        InputError: not a whole number, or outside its bounds.
    """
    text = str(options.get(name, min(default, most)))
    if not (text.isdecimal() and least <= int(text) <= most):
        raise InputError(f"--{name} = {text}: must be a whole number from {least} to {most}")
    return int(text)
