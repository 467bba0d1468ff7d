"""The commands and their flags. Only the parser of the command that is asked for is built.

argparse reads them; where a command takes settings, jsonargparse does, which makes a flag of each of their fields.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

from ctsigprop import __version__
from ctsigprop.errors import InputError
from ctsigprop.experiments.cli.flags import SPIKING, check_given, family_asked_for
from ctsigprop.experiments.cli.unreadable import explained
from ctsigprop.experiments.cli.written import in_form_of
from ctsigprop.settings import FAMILIES
from ctsigprop.settings.config import CONTINUOUS, groups, nearest

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser as SettingsParser

COMMANDS = {
    "train": "train a network in a run folder",
    "simulate": "integrate both phases of test samples of a trained run in time",
    "align": "angles between the weights of a trained run's loops",
    "spikes": "membranes, spikes, firing rates and energy of a trained spiking network",
    "export": "write a trained spiking network as a NIR file",
    "sweep": "train every point of a grid or a random sample of settings; called again, go on",
    "reproduce": "measure a figure or table of the paper, beside the paper's own figures",
    "report": "one HTML page of runs, sweeps and reproductions",
    "data": "list, fetch or verify datasets",
    "bench": "run a benchmark",
}
OF_SIMULATE = ("solver", "nudging", "phases", "device")
"""Groups of settings that `simulate` takes."""


class Parser(argparse.ArgumentParser):
    """A parser that raises what it cannot read, and returns the options that were given and no others."""

    def __init__(self, **named: Any) -> None:
        super().__init__(argument_default=argparse.SUPPRESS, allow_abbrev=False, **named)

    def error(self, message: str) -> NoReturn:
        """Raise.

        Raises:
            ArgumentError: always.
        """
        raise argparse.ArgumentError(None, message)


def parse(arguments: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """The command that was asked for, and the options that were given: no defaults.

    Flags of settings come as {group: {name: value}}. Answers --help and --version by SystemExit(0).

    Raises:
        InputError: an unknown command or flag, or a value that cannot be read.
    """
    command, *words = arguments
    if command.startswith("-"):
        return _without_command(command)
    if command not in COMMANDS:
        raise InputError(f"{command or repr(command)}: no such command: {nearest(command, COMMANDS)}")
    if command not in ("train", "simulate"):
        plain = Parser(prog=f"ctsigprop {command}", description=COMMANDS[command])
        ARGUMENTS[command](plain)
        return command, _read(plain, command, words, lambda: vars(plain.parse_args(words)))
    family = family_asked_for(words) if command == "train" else CONTINUOUS
    kinds = groups(family) if command == "train" else {name: groups()[name] for name in OF_SIMULATE}
    words = in_form_of(kinds, words)
    parser = _with_settings(command, family, kinds)
    options = _read(parser, command, words, lambda: parser.parse_args(words, defaults=False).as_dict(), family)
    return command, options | ({"family": family} if command == "train" else {})


def _without_command(flag: str) -> NoReturn:
    names = "\n".join(f"    {name:<12}{meaning}" for name, meaning in COMMANDS.items())
    parser = Parser(
        prog="ctsigprop",
        usage="ctsigprop COMMAND [ARGUMENT ...]",
        description="Learning with forward passes only, in continuous time and layer by layer.",
        epilog=f"commands (`ctsigprop COMMAND --help` lists the flags of each):\n{names}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"ctsigprop {__version__}")
    with suppress(argparse.ArgumentError):
        parser.parse_args([flag])
    raise InputError(f"{flag}: comes before the command: give one of {', '.join(COMMANDS)} first")


def _read(
    parser: "Parser | SettingsParser",
    command: str,
    words: Sequence[str],
    read: Callable[[], dict[str, Any]],
    family: str = CONTINUOUS,
) -> dict[str, Any]:
    """What a parser reads; no option is an empty text.

    Raises:
        InputError: a flag is unknown, or a value cannot be read.
    """
    try:
        options = read()
    except argparse.ArgumentError as error:
        flags = [flag for action in parser._actions for flag in action.option_strings]
        raise InputError(explained(str(error), command, words, flags, family)) from error
    for action in parser._actions:
        check_given(next(iter(action.option_strings), str(action.metavar)), options.get(action.dest))
    return options


def _with_settings(command: str, family: str, kinds: Mapping[str, type[Any]]) -> "SettingsParser":
    from jsonargparse import ArgumentParser

    parser = ArgumentParser(
        prog=f"ctsigprop {command}", description=COMMANDS[command], exit_on_error=False, allow_abbrev=False
    )
    if command == "train":
        _train(parser, family)
    else:
        _simulate(parser)
    for group, kind in kinds.items():
        title = (kind.__doc__ or group).splitlines()[0].rstrip(".")
        parser.add_argument_group(title).add_class_arguments(kind, group, as_group=False)
    return parser


def _train(parser: "SettingsParser", family: str) -> None:
    parser.usage = (
        "ctsigprop train [--family NAME] [--config FILE] [--GROUP.SETTING VALUE ...] [--run-dir DIR] [--resume]"
    )
    parser.add_argument("--family", metavar="NAME", help=f"{' or '.join(FAMILIES)} (here: {family})")
    parser.add_argument("--config", metavar="FILE", help="YAML file of settings, or the name of a shipped one")
    parser.add_argument("--run-dir", metavar="DIR", help="folder of the run, new or empty; the next in runs/")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --run-dir")
    parser.add_argument("--quiet", action="store_true", help="no progress bar, no line an epoch")
    if family == "discrete":
        parser.add_argument("--parallel", metavar="layers=N", help="train the layers in N processes side by side")
    meaning = "--learning.model, in short" if family == SPIKING else argparse.SUPPRESS
    parser.add_argument("--model", metavar="NAME", help=meaning)


def _simulate(parser: "SettingsParser") -> None:
    parser.usage = "ctsigprop simulate RUN [--samples K] [--first I] [--solver.method NAME] [--GROUP.SETTING VALUE ...]"
    parser.add_argument("run", nargs="?", metavar="RUN", help="folder of the run")
    parser.add_argument("--samples", metavar="K", help="how many test samples (default: 3)")
    parser.add_argument("--first", metavar="I", help="the first of them, counted from 0 (default: 0)")
    parser.add_argument("--seed", metavar="N", help="of the noise (default: 0)")


def _align(parser: Parser) -> None:
    parser.usage = "ctsigprop align RUN [--checkpoint last | best] [--samples K]"
    parser.add_argument("run", nargs="?", metavar="RUN", help="folder of the run")
    parser.add_argument("--checkpoint", metavar="NAME", help="last or best (default: last)")
    parser.add_argument("--samples", metavar="K", help="how many test samples are nudged (default: 1000)")


def _spikes(parser: Parser) -> None:
    parser.usage = "ctsigprop spikes RUN [--samples K] [--first I] [--checkpoint best | last] [--events FILE.npz]"
    parser.add_argument("run", nargs="?", metavar="RUN", help="folder of the run")
    parser.add_argument("--samples", metavar="K", help="how many test samples are drawn (default: 3)")
    parser.add_argument("--first", metavar="I", help="the first of them, counted from 0 (default: 0)")
    parser.add_argument("--checkpoint", metavar="NAME", help="best or last (default: best)")
    parser.add_argument("--events", metavar="FILE", help="NPZ file of event-camera frames in place of test samples")


def _export(parser: Parser) -> None:
    parser.usage = "ctsigprop export RUN FILE.nir [--bits B]"
    parser.add_argument("run", nargs="?", metavar="RUN", help="folder of the run")
    parser.add_argument("file", nargs="?", metavar="FILE", help="the file, new or to be replaced")
    parser.add_argument(
        "--bits", metavar="B", help="weights and thresholds as integers of so many bits (default: float32)"
    )


def _sweep(parser: Parser) -> None:
    parser.usage = "ctsigprop sweep FILE.yaml [--workers N] [--scheduler ADDRESS] [--output DIR] [--quiet]"
    parser.add_argument("file", nargs="?", metavar="FILE", help="YAML file that says what is swept")
    parser.add_argument("--workers", metavar="N", help="processes of one thread each (default: one a core)")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="a Dask scheduler, tcp://HOST:PORT, or its file")
    parser.add_argument("--output", metavar="DIR", help="folder of the sweep (default: sweeps/ and the file's name)")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def _reproduce(parser: Parser) -> None:
    parser.usage = (
        "ctsigprop reproduce NAME [--scale smoke | full] [--output DIR] [--threads N] [--device NAME] [--quiet]"
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="which one; left out, lists them")
    parser.add_argument("--scale", metavar="SCALE", help="smoke or full (default: full)")
    parser.add_argument("--output", metavar="DIR", help="folder of its runs and figures (default: reproductions/NAME)")
    parser.add_argument("--threads", metavar="N", help="threads of every numerical library (default: one a core)")
    parser.add_argument("--device", metavar="NAME", help="cpu or cuda, of what PyTorch trains (default: cpu)")
    parser.add_argument("--quiet", action="store_true", help="no progress bar, no line an epoch")


def _report(parser: Parser) -> None:
    parser.usage = "ctsigprop report [DIR ...] [--output FILE]"
    parser.add_argument("folders", nargs="*", metavar="DIR", help="where to look (default: runs, sweeps, ...)")
    parser.add_argument("--output", metavar="FILE", help="the page (default: report.html)")


def _data(parser: Parser) -> None:
    parser.usage = "ctsigprop data list | fetch NAME | verify NAME"
    parser.add_argument("action", nargs="?", metavar="ACTION", help="list, fetch or verify")
    parser.add_argument("name", nargs="?", metavar="NAME", help="dataset to fetch or verify")


def _bench(parser: Parser) -> None:
    parser.usage = "ctsigprop bench [NAME] [--quick] [--output FILE]"
    parser.add_argument("name", nargs="?", metavar="NAME", help="which one; left out, lists them")
    parser.add_argument("--quick", action="store_true", help="a small problem, to see that it runs")
    parser.add_argument("--output", metavar="FILE", help="also write the figures as JSON")


ARGUMENTS: dict[str, Callable[[Parser], None]] = {
    "align": _align,
    "spikes": _spikes,
    "export": _export,
    "sweep": _sweep,
    "reproduce": _reproduce,
    "report": _report,
    "data": _data,
    "bench": _bench,
}
"""What adds the arguments of each command that takes no settings."""
