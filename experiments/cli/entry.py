"""The command line: which command, and how every error becomes one line and an exit status."""

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from io import TextIOWrapper
from typing import Any

from ctsigprop.core.interrupt import terminated_as_interrupted
from ctsigprop.errors import OUT_OF_MEMORY, CtsigpropError, InputError, Interrupted, in_one_line, is_out_of_memory
from ctsigprop.experiments.cli.parser import parse

EXAMPLE = """\
Train a network on the 8x8 digits that come with the program, and draw what it learned:

    ctsigprop train --run-dir runs/first

Stop it with Ctrl-C, or train for longer:

    ctsigprop train --run-dir runs/first --resume --training.epochs 60

Watch both phases of a test image in time, and the angles between the weights of the loop:

    ctsigprop simulate runs/first
    ctsigprop align runs/first

Any setting is a flag, or a line of a YAML file:

    ctsigprop train --network.hidden '[128, 128]' --nudging.beta 0.5

MNIST as in the paper, 784-1500-1500-10 with a learned loop (fetched once, 11 MB):

    ctsigprop data fetch mnist
    ctsigprop train --config mnist

Signal propagation layer by layer in PyTorch (needs the `torch` extra), beside backpropagation and others:

    ctsigprop train --config digits-sp
    ctsigprop train --config digits-sp --learning.algorithm bp

`ctsigprop --help` lists the commands, `ctsigprop train --help` the settings."""

EXTRAS = {
    "cryptography": "sweep",
    "dask": "sweep",
    "distributed": "sweep",
    "pandas": "sweep",
    "torch": "torch",
    "tensorboard": "tensorboard",
    "nir": "nir",
    "torchdiffeq": "dev",
}


OLD_FLAGS = {"--wing": "--family"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns the exit status.

    0 done, 1 failed, 2 wrong usage or input, 130 interrupted.

    Args:
        arguments: the command line without the program's name; the process's own where it is left out.
    """
    if isinstance(sys.stdout, TextIOWrapper):  # a path may hold what its encoding does not
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        with terminated_as_interrupted():
            _run(_renamed(sys.argv[1:] if arguments is None else arguments))
        return 0
    except Interrupted as error:
        return _say(str(error), error.exit_status)
    except CtsigpropError as error:
        return _refuse(str(error), error.exit_status)
    except ModuleNotFoundError as error:
        extra = EXTRAS.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        return _refuse(f"{error.name} is not installed: pip install 'ctsigprop[{extra}]'", 2)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        return _refuse(OUT_OF_MEMORY, 1)
    except KeyboardInterrupt:
        return _say("interrupted", 130)
    except BrokenPipeError:  # the reader of a pipe has gone, which is its right
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        return _refuse(f"{error.filename or 'system'}: {error.strerror or error}", 1)


def _renamed(arguments: Sequence[str]) -> list[str]:
    """The command line of version 0.1, with its flags under their names of today."""
    words = (word.partition("=") for word in arguments)
    return [OLD_FLAGS.get(flag, flag) + equals + text for flag, equals, text in words]


def _run(arguments: list[str]) -> None:
    if not arguments:
        print(EXAMPLE)
        return
    name, options = parse(arguments)
    match name:
        case "train":
            from ctsigprop.experiments.cli import train

            train.command(options)
        case "simulate":
            from ctsigprop.experiments.cli import simulate

            simulate.command(options)
        case "align":
            from ctsigprop.experiments.cli import align

            align.command(options)
        case "spikes":
            from ctsigprop.experiments.cli import spikes

            spikes.command(options)
        case "export":
            from ctsigprop.experiments.cli import export

            export.command(options)
        case "sweep":
            from ctsigprop.experiments.cli import sweep

            sweep.command(options)
        case "reproduce":
            from ctsigprop.experiments.cli import reproduce

            reproduce.command(options)
        case "report":
            from ctsigprop.experiments.cli import report

            report.command(options)
        case "data":
            _data(options)
        case "bench":
            from ctsigprop.experiments.cli import bench

            bench.command(options)
    sys.stdout.flush()


def _data(options: Mapping[str, Any]) -> None:
    from ctsigprop.experiments.cli.data import fetch, list_datasets, verify

    match options.get("action"), options.get("name"):
        case "list", None:
            list_datasets()
        case "fetch", str(name):
            fetch(name)
        case "verify", str(name):
            verify(name)
        case action, name:
            given = " ".join(word for word in (action, name) if word)
            raise InputError(f"data {given}: must be list, fetch NAME or verify NAME: `data list` shows the names")


def _refuse(message: str, status: int) -> int:
    return _say(f"error: {message}", status)


def _say(message: str, status: int) -> int:
    with suppress(OSError):  # of a terminal that was closed
        print(in_one_line(f"ctsigprop: {message}"), file=sys.stderr)
    return status
