"""`ctsigprop align`: the angles between the weights of a run's loops, over its epochs and sample by sample."""

from collections.abc import Mapping
from typing import Any

from ctsigprop.analysis.measures.alignment import angles, mean_and_deviation, sample_angles, summary
from ctsigprop.analysis.measures.angle import History, history_of
from ctsigprop.analysis.measures.displacement import displacement
from ctsigprop.analysis.measures.slope_angles import slope_angles
from ctsigprop.analysis.plots.curves import angle_curves, angle_figure
from ctsigprop.analysis.plots.style import save, styled
from ctsigprop.continuous.diagnostics.diagnosis import remedy
from ctsigprop.continuous.trained import Trained, load_trained
from ctsigprop.core.files import to_json
from ctsigprop.core.threads import set_threads
from ctsigprop.errors import InputError
from ctsigprop.experiments.cli.arguments import named_run, one_of, whole_number
from ctsigprop.runs import RunFolder
from ctsigprop.runs.rows import Signal
from ctsigprop.settings import Settings

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
    kind = one_of(options, "checkpoint", CHECKPOINTS[0], CHECKPOINTS)
    run = named_run("align", options)
    set_threads(run.settings_of(Settings).training.threads)
    trained = load_trained(run, kind)
    samples = whole_number(options, "samples", SAMPLES, 1, len(trained.data.test))

    averaged = kind == "best" and trained.settings.learning.average > 0
    history = _history(run, trained, averaged=averaged)
    matrices = angles(trained.network)
    if not matrices:
        raise InputError(f"{run.path}: no loop of its network has an angle: give it a matrix that feeds back")
    moved = displacement(trained, samples)
    signals = {name: summary(of_samples) for name, of_samples in sample_angles(trained.network, moved.rates).items()}
    slopes = {
        name: summary(of_samples)
        for name, of_samples in slope_angles(trained.network, moved.slopes, moved.at_rest).items()
    }
    report = {
        "checkpoint": kind,
        "averaged": averaged,
        "epoch": trained.epoch,
        "samples": samples,
        "unconverged": moved.unconverged,
        "angles": {
            name: {"matrices": degrees, "signals": signals[name], "slopes": slopes[name]}
            for name, degrees in matrices.items()
        },
        "history": [{"epoch": epoch, "angles": of_epoch} for epoch, of_epoch in history.items()],
    }
    run.write(REPORT, to_json(report, indent=2) + "\n")
    with styled():
        bars = {
            name: (trained.epoch, *found)
            for name, signal in signals.items()
            if (found := mean_and_deviation(signal)) is not None
        }
        figure = save(angle_figure(angle_curves(history), bars), run.figures / "angles.png")
    width = max(map(len, matrices))
    for name, degrees in matrices.items():
        print(
            f"{name:<{width}}  matrices {degrees:5.1f}  slopes {_in_words(slopes[name])}"
            f"  signals {_in_words(signals[name])}"
        )
    if moved.unconverged:
        print(f"{moved.unconverged} phases did not converge: train anew, and {remedy(trained.settings.solver)}")
    of_what = ", mean of the weights (the curves are of the weights as they stood)" if averaged else ""
    print(f"degrees after epoch {trained.epoch:g}{of_what}, {samples} test samples: {run.path / REPORT}, {figure}")


def _history(run: RunFolder, trained: Trained, *, averaged: bool) -> History:
    """Return angles by epoch: of the network as it was drawn (epoch 0), of the checkpoint, and as they were logged.

    All are of the weights as they stood; of a checkpoint that holds their running mean, none.
    """
    known: dict[float, Mapping[str, float]] = {0: angles(trained.initial)} | (
        {} if averaged else {trained.epoch: angles(trained.network)}
    )
    known |= {epoch: logged for epoch, logged in history_of(run.metrics()).items() if logged}
    return {epoch: known[epoch] for epoch in sorted(known)}


def _in_words(found: Signal) -> str:
    if (spread := mean_and_deviation(found)) is None:
        return "none: the nudge moves no sample"
    return f"{spread[0]:5.1f} +- {spread[1]:.1f} over {found['samples']} samples"
