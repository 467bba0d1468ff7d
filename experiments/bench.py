"""`ctsigprop bench`: the benchmarks, each a set of ratios taken in one run."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from ctsigprop.config import nearest
from ctsigprop.errors import InputError
from ctsigprop.files import atomic, to_json

BENCHMARKS = {
    "solvers": "a free phase in time, beside SciPy and torchdiffeq at equal error",
    "sweep": "a sweep by one worker and by two, and what it costs to hand out a point",
    "training": "an epoch of training, beside backpropagation and plain Euler steps in PyTorch",
}


def command(options: Mapping[str, Any]) -> None:
    """Runs one benchmark, or lists them.

    Args:
        options: what the user gave, and nothing else.

    Raises:
        InputError: an unknown benchmark, or an output that has no folder.
    """
    name = options.get("name")
    if name is None:
        for known, meaning in BENCHMARKS.items():
            print(f"{known:<10}{meaning}")
        return
    if name not in BENCHMARKS:
        raise InputError(f"{name}: no such benchmark: {nearest(name, BENCHMARKS)}")
    output = Path(options["output"]) if "output" in options else None
    if output is not None and not output.parent.is_dir():
        raise InputError(f"--output = {output}: no such folder as {output.parent}: make it first")
    benchmark = import_module(f"ctsigprop.benchmarks.{name}")
    figures = benchmark.run(quick=bool(options.get("quick")))
    print(benchmark.table(figures))
    if output is not None:
        with atomic(output) as file:
            file.write((to_json(figures, indent=2) + "\n").encode())
