"""What Tables I to IV share: time and memory of VGG8b's layers on CIFAR-10, and test errors of a short schedule.

The paper's ± is a variance: in the LL and SP columns of Table I that of Table II's layers, and in Table III that of
Table IV's. Here it is a standard deviation: over the layers, or over the batches where there is one figure.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from tqdm import tqdm

from ctsigprop.core.environment import environment
from ctsigprop.core.files import atomic, read_json, to_json, write_failures
from ctsigprop.core.locks import one_at_a_time
from ctsigprop.discrete.cost import costs
from ctsigprop.errors import InputError
from ctsigprop.experiments.cli.flags import Values, merged
from ctsigprop.experiments.finishing import is_finished
from ctsigprop.experiments.paper.hardware import Hardware
from ctsigprop.experiments.paper.scheduling import begin, finish_all
from ctsigprop.experiments.paper.table import Table, command_of, print_table, write_table
from ctsigprop.experiments.paper.tables.efficiency_rows import Study, rows_by_layer, rows_over_layers
from ctsigprop.layered.cost import Cost, StageCost
from ctsigprop.runs import RunFolder
from ctsigprop.runs.metrics import best_row
from ctsigprop.runs.rows import MetricsRow
from ctsigprop.settings import DiscreteSettings
from ctsigprop.settings.config import settings_from, to_values

COMMON: Values = {
    "data": {"name": "cifar-10"},
    "network": {"architecture": "vgg8b", "activation": "leaky_relu", "batch_norm": True, "dropout": 0.1},
    "learning": {"rate": 5e-4, "decay": 0.25, "decay_at": (0.5, 0.75, 0.89, 0.94)},
    "target": {
        "generator": "target-only",
        "density": "sparse",
        "similarity": "cosine",
        "statistics": "targets",
        "prediction": "classification",
    },
    "training": {"batch_size": 128, "precision": "bfloat16", "channels_last": True, "augment": "crop-flip"},
}
READOUT: Values = {"learning": {"readout_rate": 5e-3}}
"""In a short schedule, for classification layers that learn apart from the hidden layers."""
SMOKE: Values = {
    "data": {"name": "digits", "limit": None},
    "network": {"architecture": "fc", "hidden": (32,) * 7, "widen": 1},
    "learning": {"rate": 5e-3},
    "training": {"batch_size": 32, "epochs": 3, "precision": "float32", "channels_last": False, "augment": "none"},
}
BATCHES = {"full": 50, "smoke": 4}
WARM_UP = {"full": 4, "smoke": 1}

READOUT_DIFFERENCE = (
    f"in them the classification layer of SP and LL learns at {READOUT['learning']['readout_rate']:g}: at the paper's "
    f"one rate, {COMMON['learning']['rate']:g}, SP's is still behind the layer before it after so few updates"
)
DIFFERENCES = {
    "full": [
        "the paper's seconds and MiB are of a GeForce GTX 1080, the seconds by its captions of a sample, which 12 s "
        "cannot be: compare the ratios",
        "memory is the signal that a layer is given and every tensor that its step makes; parameters and Adam's "
        "moments are left out: LL has about twice as many as the others",
        "means over layers are what the paper has, and no machine attains them: the rows below them have the slowest "
        "and the largest layer, and the time a batch of a pipeline, computed from the times of its stages",
        "products in bfloat16, of which the paper does not speak",
        "signal propagation compares by the cosine of centred outputs, which is not in the paper, with targets "
        "normalised by their own statistics",
        f"time over {BATCHES['full']} batches, for which the columns take turns; the paper's over its 400 epochs",
        "the paper's ± is a variance; here it is a standard deviation, over the layers, or over the batches where "
        "there is one figure",
    ],
    "smoke": [
        "seven fully connected layers of 32 units, scikit-learn's digits, four batches, 3 epochs: too small to judge"
    ],
}


@dataclass(frozen=True)
class Measured:
    """Costs by column, the seconds that it took to find them, and the machine, where that was kept."""

    costs: Mapping[str, Cost]
    seconds: float
    machine: Mapping[str, Any] | None


def reproduce(
    study: Study,
    scale: str,
    output: Path,
    hardware: Hardware,
    *,
    quiet: bool,
    extra: Callable[[], Mapping[str, Any]] = dict,
) -> None:
    """Measure time and memory, train what the table's errors need, and write and print the table.

    Called again, it goes on: costs are kept in costs.json, runs in runs/. A table whose columns another has measured
    in the same output, as Table I those of Table II, takes them from there: what was measured in turns stays together.

    Args:
        study: the table.
        scale: smoke or full.
        output: folder of the table; made where it is missing.
        hardware: that is measured, and trains.
        quiet: show no progress bar.
        extra: measures what further fields the JSON has, once the folder has passed.

    Raises:
        InputError: a folder that holds a run of other settings, or data that is not to be had.
        RunFailure: a run that failed, or a disk that is full.
        KeyboardInterrupt: after the state of a run was saved.
    """
    settings = {column: settings_of(study, column, scale, hardware, study.schedule) for column in study.columns}
    timed = {column: settings_of(study, column, scale, hardware) for column in study.columns}
    runs = {_folder(output, column): one for column, one in settings.items()} if study.schedule else {}
    finished = begin(output, runs)
    further = extra()
    measured = _measured(output / "costs.json", timed, scale, quiet=quiet)

    def report() -> Table:
        with write_failures(output), one_at_a_time(output):
            metrics = _metrics(study, output, settings)
            table = table_of(study, scale, measured.costs, {column: best_row(rows) for column, rows in metrics.items()})
            trained = sum(row["seconds"] for rows in metrics.values() for row in rows)
            fields = {
                "command": command_of(study.name, scale, output, hardware),
                "scale": scale,
                "seed": next(iter(settings.values())).training.seed,
                "seconds": measured.seconds + trained,
                "batches": BATCHES[scale],
                "settings": {column: to_values(one) for column, one in settings.items()},
                "costs": {column: asdict(cost) for column, cost in measured.costs.items()},
                "machine": measured.machine,
                "runs": metrics,
                **further,
            }
            write_table(output, table, fields)
        return table

    if runs:
        report()
        print(f"{finished} of {len(runs)} runs finished", flush=True)
    for _ in finish_all(runs, quiet=quiet):
        report()
    print_table(report())
    print(f"in {output}: {study.name}.md, and every number in {study.name}.json")


def settings_of(
    study: Study, column: str, scale: str, hardware: Hardware, schedule: Values | None = None
) -> DiscreteSettings:
    """Return the settings with which a column is measured or, by a schedule, trained."""
    values = merged(merged(COMMON, study.columns[column]), schedule or {})
    if scale == "smoke":
        values = merged(values, SMOKE)
    settings: DiscreteSettings = settings_from(merged(values, {"training": hardware.training}), "discrete")
    return settings


def table_of(study: Study, scale: str, found: Mapping[str, Cost], runs: Mapping[str, MetricsRow]) -> Table:
    """Return the table as far as it is measured.

    Args:
        study: the table.
        scale: smoke or full.
        found: costs by column.
        runs: outcomes by column, of the runs that are finished.
    """
    rows = rows_by_layer(study, found) if study.layers else rows_over_layers(study, found, runs)
    columns = ["", "unit", *study.columns, *(f"{above} / {below}" for above, below in study.ratios)]
    own = study.differences if scale == "full" else ()
    return Table(study.name, study.caption, columns, rows, [*DIFFERENCES[scale], *own])


def _folder(output: Path, column: str) -> Path:
    return output / "runs" / column.lower().replace(" ", "-")


def _metrics(study: Study, output: Path, settings: Mapping[str, DiscreteSettings]) -> dict[str, list[MetricsRow]]:
    """Return rows of metrics by column, of the runs that are finished by now, whoever trained them."""
    if not study.schedule:
        return {}
    folders = {column: _folder(output, column) for column in settings}
    return {
        column: RunFolder.open(folder).metrics()
        for column, folder in folders.items()
        if is_finished(folder, settings[column])
    }


def _measured(path: Path, settings: Mapping[str, DiscreteSettings], scale: str, *, quiet: bool) -> Measured:
    """Return the costs of a measurement in the file that has all these settings, or of a new one.

    It takes the place of those with any of the same columns.
    """
    batches, warm_up = BATCHES[scale], WARM_UP[scale]
    for one in _kept(path):
        if one["batches"] == batches and settings.items() <= _readable(one["settings"]).items():
            print(f"time and memory as measured before: remove {path} to measure anew", flush=True)
            found = {column: _cost(one["costs"][column]) for column in settings}
            return Measured(found, one["seconds"], one.get("machine"))
    started = perf_counter()
    with tqdm(total=batches + warm_up, desc="time and memory", unit="batch", disable=quiet, leave=False) as bar:
        found = costs(settings, batches, warm_up, bar.update)
    measured = Measured(found, perf_counter() - started, environment())
    asked = {column: to_values(one) for column, one in settings.items()}
    new = {"batches": batches, "settings": asked, **asdict(measured)}
    with one_at_a_time(path.parent):
        others = [one for one in _kept(path) if asked.keys().isdisjoint(one["settings"])]
        with atomic(path) as file:
            file.write(to_json([*others, new], indent=1).encode())
    return measured


def _kept(path: Path) -> list[dict[str, Any]]:
    """Return the measurements in the file."""
    return read_json(path) or []


def _readable(settings: Mapping[str, Values]) -> dict[str, DiscreteSettings]:
    """Return a measurement's settings by column, without those that are no longer valid."""
    found = {}
    for column, values in settings.items():
        with suppress(InputError):
            found[column] = settings_from(values, "discrete")
    return found


def _cost(value: Mapping[str, Any]) -> Cost:
    return Cost([StageCost(**stage) for stage in value["stages"]], value["bytes"])
