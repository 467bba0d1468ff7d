"""The commands, their flags, and one line for each thing on a command line that cannot be read."""

import re
from argparse import SUPPRESS
from collections.abc import Mapping, Sequence
from typing import Any

from jsonargparse import ArgumentError, ArgumentParser, get_loader
from yaml import YAMLError

from ctsigprop import __version__
from ctsigprop.config import CONTINUOUS, groups, nearest, settings_from
from ctsigprop.errors import InputError
from ctsigprop.experiments.flags import SPIKING, last_given, wing_asked_for
from ctsigprop.settings import WINGS


def parse(arguments: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """The command that was asked for, and the options that were given: no defaults.

    Flags of settings come as {group: {name: value}}. Answers --help and --version by SystemExit(0).

    Raises:
        InputError: an unknown command or flag, or a value that cannot be read.
    """
    wing = wing_asked_for(arguments) if "train" in arguments[:1] else CONTINUOUS
    commands = {
        "train": _train(wing),
        "simulate": _simulate(),
        "align": _align(),
        "spikes": _spikes(),
        "export": _export(),
        "sweep": _sweep(),
        "reproduce": _reproduce(),
        "report": _report(),
        "data": _data(),
        "bench": _bench(),
    }
    parser = _parser(description="Learning with forward passes only, in continuous time and layer by layer.")
    parser.add_argument("--version", action="version", version=f"ctsigprop {__version__}")
    subcommands = parser.add_subcommands(required=False, dest="command", metavar="COMMAND")
    for name, command in commands.items():
        subcommands.add_subcommand(name, command, help=command.description)
    try:
        options = parser.parse_args(list(arguments), defaults=False).as_dict()
    except ArgumentError as error:
        chosen = next((commands[word] for word in arguments if word in commands), parser)
        raise InputError(_explain(str(error), arguments, list(commands), chosen, wing)) from error
    chosen_name = options.get("command")
    if chosen_name is None:
        raise InputError(f"no command: give one of {', '.join(commands)}")
    return chosen_name, options[chosen_name] | ({"wing": wing} if chosen_name == "train" else {})


def _train(wing: str) -> ArgumentParser:
    parser = _parser(
        description="train a network in a run folder",
        usage="ctsigprop train [--wing NAME] [--config FILE] [--GROUP.SETTING VALUE ...] [--run-dir DIR] [--resume]",
    )
    parser.add_argument("--wing", metavar="NAME", help=f"{' or '.join(WINGS)} (here: {wing})")
    parser.add_argument("--config", metavar="FILE", help="YAML file of settings, or the name of a shipped one")
    parser.add_argument("--run-dir", metavar="DIR", help="folder of the run, new or empty; the next in runs/")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --run-dir")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    if wing == "discrete":
        parser.add_argument("--parallel", metavar="layers=N", help="train the layers in N processes side by side")
    parser.add_argument("--model", metavar="NAME", help="--learning.model, in short" if wing == SPIKING else SUPPRESS)
    _add_settings(parser, groups(wing))
    return parser


def _simulate() -> ArgumentParser:
    parser = _parser(
        description="integrate both phases of test samples of a trained run in time",
        usage="ctsigprop simulate RUN [--samples K] [--first I] [--solver.method NAME] [--GROUP.SETTING VALUE ...]",
    )
    parser.add_argument("run", nargs="?", metavar="RUN", help="folder of the run")
    parser.add_argument("--samples", metavar="K", help="how many test samples (default: 3)")
    parser.add_argument("--first", metavar="I", help="the first of them, counted from 0 (default: 0)")
    _add_settings(parser, {name: groups()[name] for name in ("solver", "nudging")})
    return parser


def _align() -> ArgumentParser:
    parser = _parser(
        description="angles between the weights of a trained run's loops",
        usage="ctsigprop align RUN [--checkpoint last | best] [--samples K]",
    )
    parser.add_argument("run", nargs="?", metavar="RUN", help="folder of the run")
    parser.add_argument("--checkpoint", metavar="NAME", help="last or best (default: last)")
    parser.add_argument("--samples", metavar="K", help="how many test samples are nudged (default: 1000)")
    return parser


def _spikes() -> ArgumentParser:
    parser = _parser(
        description="membranes, spikes, firing rates and energy of a trained spiking network",
        usage="ctsigprop spikes RUN [--samples K] [--first I] [--checkpoint best | last] [--events FILE.npz]",
    )
    parser.add_argument("run", nargs="?", metavar="RUN", help="folder of the run")
    parser.add_argument("--samples", metavar="K", help="how many test samples are drawn (default: 3)")
    parser.add_argument("--first", metavar="I", help="the first of them, counted from 0 (default: 0)")
    parser.add_argument("--checkpoint", metavar="NAME", help="best or last (default: best)")
    parser.add_argument("--events", metavar="FILE", help="NPZ file of event-camera frames in place of test samples")
    return parser


def _export() -> ArgumentParser:
    parser = _parser(description="write a trained spiking network as a NIR file", usage="ctsigprop export RUN FILE.nir")
    parser.add_argument("run", nargs="?", metavar="RUN", help="folder of the run")
    parser.add_argument("file", nargs="?", metavar="FILE", help="the file, new or to be replaced")
    return parser


def _sweep() -> ArgumentParser:
    parser = _parser(
        description="train every point of a grid or a random sample of settings; called again, go on",
        usage="ctsigprop sweep FILE.yaml [--workers N] [--scheduler ADDRESS] [--output DIR] [--quiet]",
    )
    parser.add_argument("file", nargs="?", metavar="FILE", help="YAML file that says what is swept")
    parser.add_argument("--workers", metavar="N", help="processes of one thread each (default: one a core)")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="a Dask scheduler, tcp://HOST:PORT, or its file")
    parser.add_argument("--output", metavar="DIR", help="folder of the sweep (default: sweeps/ and the file's name)")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    return parser


def _reproduce() -> ArgumentParser:
    parser = _parser(
        description="measure a figure or table of the paper, beside the paper's own figures",
        usage="ctsigprop reproduce NAME [--scale smoke | full] [--output DIR] [--threads N] [--device NAME] [--quiet]",
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="which one; left out, lists them")
    parser.add_argument("--scale", metavar="SCALE", help="smoke or full (default: full)")
    parser.add_argument("--output", metavar="DIR", help="folder of its runs and figures (default: reproductions/NAME)")
    parser.add_argument("--threads", metavar="N", help="threads of every numerical library (default: one a core)")
    parser.add_argument("--device", metavar="NAME", help="cpu or cuda, of what PyTorch trains (default: cpu)")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    return parser


def _report() -> ArgumentParser:
    parser = _parser(
        description="one HTML page of runs, sweeps and reproductions",
        usage="ctsigprop report [DIR ...] [--output FILE]",
    )
    parser.add_argument("folders", nargs="*", metavar="DIR", help="where to look (default: runs, sweeps, ...)")
    parser.add_argument("--output", metavar="FILE", help="the page (default: report.html)")
    return parser


def _data() -> ArgumentParser:
    parser = _parser(
        description="list, fetch or verify datasets", usage="ctsigprop data list | fetch NAME | verify NAME"
    )
    parser.add_argument("action", nargs="?", metavar="ACTION", help="list, fetch or verify")
    parser.add_argument("name", nargs="?", metavar="NAME", help="dataset to fetch or verify")
    return parser


def _bench() -> ArgumentParser:
    parser = _parser(description="run a benchmark", usage="ctsigprop bench [NAME] [--quick] [--output FILE]")
    parser.add_argument("name", nargs="?", metavar="NAME", help="which one; left out, lists them")
    parser.add_argument("--quick", action="store_true", help="a small problem, to see that it runs")
    parser.add_argument("--output", metavar="FILE", help="also write the figures as JSON")
    return parser


def _add_settings(parser: ArgumentParser, kinds: Mapping[str, type[Any]]) -> None:
    for group, kind in kinds.items():
        title = (kind.__doc__ or group).splitlines()[0].rstrip(".")
        parser.add_argument_group(title).add_class_arguments(kind, group, as_group=False)


def _parser(**named: Any) -> ArgumentParser:
    return ArgumentParser(prog="ctsigprop", exit_on_error=False, allow_abbrev=False, **named)


def _explain(message: str, arguments: Sequence[str], commands: list[str], parser: ArgumentParser, wing: str) -> str:
    """The parser's message, which may be many lines about Python types, in the program's own words."""
    if choice := re.search(r"invalid choice: '(.*?)'", message):
        return f"{choice[1]}: no such command: {nearest(choice[1], commands)}"
    if unknown := re.match(r"unrecognized arguments: ([^\s=]+)", message):
        if not unknown[1].startswith("-"):
            return f"{unknown[1]}: one argument too many: settings are given as --GROUP.SETTING VALUE"
        flags = [flag for action in parser._actions for flag in action.option_strings]
        return f"{unknown[1]}: no such flag: {nearest(unknown[1], flags)}"
    if bare := re.match(r"argument (\S+): expected one argument", message):
        return f"{bare[1]}: needs a value after it"
    if key := re.match(r'Parser key "(\w+)\.(\w+)"', message):
        group, name = key.groups()
        try:
            settings_from({group: {name: _value(f"--{group}.{name}", arguments)}}, wing)
        except InputError as error:
            return str(error)
    return message


def _value(flag: str, arguments: Sequence[str]) -> Any:
    """What was last given for a flag, as the parser reads it."""
    text = last_given(flag, arguments) or ""
    try:
        return get_loader("yaml")(text)
    except (YAMLError, ValueError):  # Python's own ValueError: a number of thousands of digits
        return text
