"""`ctsigprop align`: the angles between the weights of a run's loops, over its epochs and sample by sample."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctsigprop.analysis.alignment import angles, sample_angles
from ctsigprop.analysis.curves import angle_curves, angle_figure
from ctsigprop.analysis.displacement import displacement
from ctsigprop.analysis.style import save, styled
from ctsigprop.analysis.trained import Trained, load_trained
from ctsigprop.continuous.training import draw
from ctsigprop.errors import InputError
from ctsigprop.experiments.arguments import named_run, whole_number
from ctsigprop.files import to_json
from ctsigprop.runs import RunFolder
from ctsigprop.threads import set_threads

SAMPLES = 1000
CHECKPOINTS = ("last", "best")
REPORT = "alignment.json"


def command(options: Mapping[str, Any]) -> None:
    """Writes alignment.json and figures/angles.png, and prints a line for each angle.

    Args:
        options: what the user gave, and nothing else.

    Raises:
        InputError: no such run, or a checkpoint or number that cannot be used.
        RunFailure: the folder cannot be written.
    """
    kind = options.get("checkpoint", CHECKPOINTS[0])
    if kind not in CHECKPOINTS:
        raise InputError(f"--checkpoint = {kind}: must be one of {', '.join(CHECKPOINTS)}")
    run = named_run("align", options)
    set_threads(run.settings().training.threads)
    trained = load_trained(run, kind)
    samples = whole_number(options, "samples", SAMPLES, 1, len(trained.data.test))

    history = _history(run, trained)
    spread = {
        name: _spread(found)
        for name, found in sample_angles(trained.network, displacement(trained, samples)).items()
    }
    run.write(REPORT, to_json(_report(kind, trained, samples, history, spread), indent=2) + "\n")
    with styled():
        bars = {
            name: (trained.epoch, found["mean"], found["standard_deviation"])
            for name, found in spread.items()
            if found["samples"]
        }
        figure = save(angle_figure(angle_curves(history), bars), run.figures / "angles.png")
    for name, of_samples in spread.items():
        print(f"{name}: {history[-1]['angles'][name]:.2f} degrees; {_said(of_samples)}")
    print(f"{run.path / REPORT}, {figure}")


def _history(run: RunFolder, trained: Trained) -> list[dict[str, Any]]:
    """Angles by epoch: of the network as it was drawn, as they were logged, and of the checkpoint."""
    logged = {row["epoch"]: row["angles"] for row in run.metrics() if row["angles"]}
    drawn = angles(draw(trained.settings, trained.data))
    known = {0: drawn, trained.epoch: angles(trained.network)} | logged
    return [{"epoch": epoch, "angles": known[epoch]} for epoch in sorted(known)]
