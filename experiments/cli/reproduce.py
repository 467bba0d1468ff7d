"""`ctsigprop reproduce`: one figure or table of the paper, measured."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from ctsigprop.core.threads import cores, set_threads
from ctsigprop.errors import InputError, Interrupted
from ctsigprop.experiments.cli.arguments import command_line, listed, one_of, whole_number
from ctsigprop.experiments.paper.hardware import Hardware

REPRODUCTIONS = {
    "figure-3": "how layers bring inputs and targets of one class together, on MNIST (Fig. 3)",
    "figure-4": "how the weights of the loop come into alignment, on Fashion-MNIST (Fig. 4)",
    "section-5": "test errors of continuous networks on MNIST and Fashion-MNIST, over seeds (Sec. V-C)",
    "table-1": "time, memory and test error of BP, LL-BP, LL-FA and SP, VGG8b on CIFAR-10 (Table I)",
    "table-2": "time and memory of each layer of VGG8b (Table II)",
    "table-3": "time, memory and test error with dense and with sparse targets, VGG8b(2x) (Table III)",
    "table-4": "time and memory of each layer with dense and with sparse targets (Table IV)",
    "table-5": "test error of spiking networks by BP, SP and a shallow one on MNIST and Fashion-MNIST (Table V)",
    "table-6": "test error of BP, FA, DFA and SP on MNIST and CIFAR-10 (Table VI)",
    "loop-alignment": "what brings the loop's weights into alignment, and whether accuracy follows (not in the paper)",
    "hardware": "what noise, mismatch, few bits, short phases and late outputs cost (not in the paper)",
}
OF_NUMPY = ("figure-4", "section-5", "loop-alignment", "hardware")
SCALES = {"smoke": "small and short, to see that it runs", "full": "what is compared with the paper"}


def command(options: Mapping[str, Any]) -> None:
    """Trains the runs of a reproduction that are not finished yet and reports on all; or lists what there is.

    Args:
        options: what the user gave, and nothing else.

    Raises:
        CtsigpropError: with the exit status that it stands for.
    """
    name = listed(options, REPRODUCTIONS, "figure or table")
    if name is None:
        return
    scale = one_of(options, "scale", "full", SCALES)
    hardware = _hardware(name, options)
    output = Path(options.get("output", Path("reproductions") / name))
    set_threads(hardware.threads)
    _check_found(hardware)
    try:
        reproduction = import_module(module_of(name))
        reproduction.reproduce(scale, output, hardware, quiet=options.get("quiet", False))
    except KeyboardInterrupt as interruption:
        raise Interrupted(f"interrupted: go on with `{_again(options)}`") from interruption


def module_of(name: str) -> str:
    """Import name of the module that reproduces a figure or table."""
    place = "on_hardware" if name == "hardware" else name.replace("-", "_")
    return f"ctsigprop.experiments.paper.{f'tables.{place}' if name.startswith('table-') else f'{place}.run'}"


def _hardware(name: str, options: Mapping[str, Any]) -> Hardware:
    """What --threads and --device ask for."""
    most = cores()
    hardware = Hardware(whole_number(options, "threads", most, 1, most), options.get("device", "cpu"))
    if name in OF_NUMPY and hardware.device != "cpu":
        raise InputError(f"--device = {hardware.device}: must be cpu for {name}, which NumPy computes: leave it out")
    return hardware


def _check_found(hardware: Hardware) -> None:
    """Refuse a device that is missing; load PyTorch only to ask for one."""
    if hardware.device != "cpu":
        from ctsigprop.layered.training import device_for

        device_for(hardware.device)


def _again(options: Mapping[str, Any]) -> str:
    line = command_line(options, "reproduce", options["name"], flags=("scale", "output", "threads", "device"))
    return f"{line} --quiet" if options.get("quiet") else line
