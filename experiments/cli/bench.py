"""`ctsigprop bench`: the benchmarks, each a set of ratios taken in one run."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from ctsigprop.core.files import atomic, to_json
from ctsigprop.experiments.cli.arguments import listed, output_file

BENCHMARKS = {
    "convolution": "convolutions in training, beside backpropagation and equilibrium propagation in PyTorch",
    "parallel": "layers of VGG8b in two processes, beside one process and backpropagation",
    "solvers": "a free phase in time, beside SciPy and torchdiffeq at equal error",
    "spiking": "a step of a spiking network, beside snnTorch and SpikingJelly",
    "spiking-memory": "memory and time of a spiking network against steps, beside backpropagation",
    "sweep": "a sweep by one worker and by two, and what it costs to hand out a point",
    "training": "an epoch of training, beside backpropagation and plain Euler steps in PyTorch",
}


def command(options: Mapping[str, Any]) -> None:
    """Runs one benchmark, or lists them. One that can be drawn is, beside the figures that are written.

    Args:
        options: what the user gave, and nothing else.

    Raises:
        InputError: an unknown benchmark, or an output that has no folder.
    """
    name = listed(options, BENCHMARKS, "benchmark")
    if name is None:
        return
    output = output_file(options["output"]) if "output" in options else None
    benchmark = import_module(f"ctsigprop.benchmarks.{name.replace('-', '_')}")
    figures = benchmark.run(quick=bool(options.get("quick")))
    print(benchmark.table(figures))
    if output is not None:
        with atomic(output) as file:
            file.write((to_json(figures, indent=2) + "\n").encode())
        if hasattr(benchmark, "draw"):
            print(benchmark.draw(figures, output.with_suffix(".png")))
