"""`ctsigprop reproduce`: one figure or table of the paper, measured."""

import os
import shlex
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from ctsigprop.config import nearest
from ctsigprop.errors import InputError, Interrupted
from ctsigprop.experiments.arguments import whole_number
from ctsigprop.threads import set_threads

REPRODUCTIONS = {"figure-4": "how the weights of the loop come into alignment, on Fashion-MNIST (Fig. 4)"}
SCALES = {"smoke": "small and short, to see that it runs", "full": "what is compared with the paper"}


def command(options: Mapping[str, Any]) -> None:
    """Trains the runs of a reproduction that are not finished yet and reports on all; or lists what there is.

    Args:
        options: what the user gave, and nothing else.

    Raises:
        CtsigpropError: with the exit status that it stands for.
    """
    name = options.get("name")
    if name is None:
        for known, meaning in REPRODUCTIONS.items():
            print(f"{known:<10}{meaning}")
        return
    if name not in REPRODUCTIONS:
        raise InputError(f"{name}: no such figure or table: {nearest(name, REPRODUCTIONS)}")
    scale = options.get("scale", "full")
    if scale not in SCALES:
        raise InputError(f"--scale = {scale}: must be one of {', '.join(SCALES)}")
    cores = os.cpu_count() or 1
    threads = whole_number(options, "threads", cores, 1, cores)
    output = Path(options.get("output", Path("reproductions") / name))
    set_threads(threads)
    try:
        reproduction = import_module(f"ctsigprop.experiments.{name.replace('-', '_')}")
        reproduction.reproduce(scale, output, threads, quiet=options.get("quiet", False))
    except KeyboardInterrupt as interruption:
        raise Interrupted(f"interrupted: go on with `{_again(options)}`") from interruption


def _again(options: Mapping[str, Any]) -> str:
    flags = [
        f"--{flag} {shlex.quote(str(options[flag]))}" for flag in ("scale", "output", "threads") if flag in options
    ]
    return " ".join(["ctsigprop reproduce", options["name"], *flags, *(["--quiet"] if options.get("quiet") else [])])
