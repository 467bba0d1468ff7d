"""`ctsigprop spikes`: what the neurons of a trained spiking network do, and what that costs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ctsigprop.analysis.plots.spiking import LayerCourse, SampleCourse, sample_figure
from ctsigprop.analysis.plots.style import save, styled
from ctsigprop.core.files import to_json
from ctsigprop.core.threads import set_threads
from ctsigprop.experiments.cli.arguments import named_run, one_of, whole_number
from ctsigprop.settings.spiking import SpikingSettings
from ctsigprop.spiking.monitor.activity import ACCUMULATE, MULTIPLY_ACCUMULATE, Firing, Operations
from ctsigprop.spiking.monitor.recording import Record
from ctsigprop.spiking.monitor.samples import account_for, samples_for
from ctsigprop.spiking.trained import Trained, load_trained

SAMPLES, MOST = 3, 100
CHECKPOINTS = ("best", "last")
HEAD = ["neurons", "rate %", "sparsity %", "dead", "saturated", "additions", "products", "nJ", "ANN nJ"]
FIRING = 5
ASSUMPTIONS = (
    f"{ACCUMULATE} pJ an addition, {MULTIPLY_ACCUMULATE} pJ a multiplication with addition: 32-bit floating point, "
    "45 nm (Horowitz 2014); left out: memory, biases, leak, thresholds, pooling; "
    "batch normalisation is folded into the weights"
)


def command(options: Mapping[str, Any]) -> None:
    """Prints firing and operations by layer, writes them to spikes.json, and draws figures/spikes-I.png of samples I.

    Of the recordings of a file the names are events.json and figures/events-I.png.

    Args:
        options: what the user gave, and nothing else.

    Raises:
        InputError: no such run, or a checkpoint, number or file of events that cannot be used.
        RunFailure: the folder cannot be written.
    """
    kind = one_of(options, "checkpoint", CHECKPOINTS[0], CHECKPOINTS)
    run = named_run("spikes", options)
    set_threads(run.settings_of(SpikingSettings).training.threads)
    trained = load_trained(run, kind)
    shown = samples_for(trained, Path(options["events"]) if "events" in options else None)
    first = whole_number(options, "first", 0, 0, len(shown) - 1)
    count = whole_number(options, "samples", SAMPLES, 1, min(MOST, len(shown) - first))

    account, counted = account_for(trained, shown)
    firing, operations = account.firing(), account.operations()
    name = f"{shown.files}.json"
    run.write(name, to_json(_report(trained, kind, counted, shown.steps, firing, operations), indent=2) + "\n")
    _print_table(firing, operations)
    print(f"means over {counted} {shown.what}s, {shown.steps} steps each: {run.path / name}")
    print(ASSUMPTIONS)

    found = shown.record(first, first + count)
    made_by = f"weights after epoch {trained.epoch} of {run.path.name}"
    for place in range(count):
        label = shown.label(first + place)
        outputs = found.outputs_of(place)
        outcome = f"{shown.what} {first + place}: {_outcome(label, int(found.logits[place].argmax()))}"
        image = shown.image(first + place)
        course = SampleCourse(image, label, f"{outcome}\n{made_by}", _courses(trained, found, place), outputs)
        path = _draw(course, run.figures / f"{shown.files}-{first + place}.png")
        print(f"{outcome}: {path}")


def _outcome(label: int | None, prediction: int) -> str:
    return f"predicted {prediction}" if label is None else f"label {label}, predicted {prediction}"


def _courses(trained: Trained, found: Record, place: int) -> list[LayerCourse]:
    threshold = trained.settings.threshold
    return [LayerCourse(layer.layer, threshold, *layer.of(place)) for layer in found.layers]


def _draw(course: SampleCourse, path: Path) -> Path:
    with styled():
        return save(sample_figure(course), path)


def _report(
    trained: Trained, kind: str, samples: int, steps: int, firing: Sequence[Firing], operations: Sequence[Operations]
) -> dict[str, Any]:
    fired = {one.layer: {**vars(one), "sparsity": one.sparsity} for one in firing}
    layers = [
        {**fired.get(one.layer, {}), **vars(one), "energy_pj": one.energy, "ann_energy_pj": one.ann_energy}
        for one in operations
    ]
    return {
        "checkpoint": kind,
        "epoch": trained.epoch,
        "samples": samples,
        "steps": steps,
        "layers": layers,
        "energy_pj": sum(one.energy for one in operations),
        "ann_energy_pj": sum(one.ann_energy for one in operations),
        "assumptions": ASSUMPTIONS,
    }


def _print_table(firing: Sequence[Firing], operations: Sequence[Operations]) -> None:
    fired = {one.layer: one for one in firing}
    rows = [("", HEAD)]
    for one in operations:
        own = fired.get(one.layer)
        activity = [""] * FIRING if own is None else _activity(own)
        rows.append((one.layer, [*activity, *_costs([one])]))
    rows.append(("all", [*[""] * FIRING, *_costs(operations)]))
    for name, cells in rows:
        print(f"{name:<8}" + "".join(f"{cell:>12}" for cell in cells))


def _activity(one: Firing) -> list[str]:
    shares = (f"{100 * share:.2f}" for share in (one.rate, one.sparsity))
    return [str(one.neurons), *shares, str(one.dead), str(one.saturated)]


def _costs(operations: Sequence[Operations]) -> list[str]:
    counts = (sum(getattr(one, name) for one in operations) for name in ("accumulates", "multiplies"))
    picojoules = (sum(getattr(one, name) for one in operations) for name in ("energy", "ann_energy"))
    return [*(f"{count:.0f}" for count in counts), *(f"{energy / 1000:.1f}" for energy in picojoules)]
