"""The rows of Tables I to IV: what was measured beside what the paper prints, and ratios beside ratios."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev
from typing import Any

from ctsigprop.discrete.parallel.split import balanced
from ctsigprop.experiments.cli.flags import Values
from ctsigprop.experiments.paper.table import Cell, Figure, Line
from ctsigprop.layered.cost import Cost, StageCost
from ctsigprop.runs.rows import MetricsRow

TIME, MEMORY, TOTAL, PEAK = "time", "memory", "time of all stages", "memory of the network"
SLOWEST, LARGEST = "time of the slowest layer", "memory of the largest layer"
PIPELINE, PAIR = "time in a pipeline, a process a stage", "time in a pipeline of two processes"
BEST_EPOCH, TEST_ERROR = "best epoch", "test error"
UNITS = {
    TIME: "ms a batch [s]",
    MEMORY: "MiB a batch [MiB]",
    SLOWEST: "ms a batch",
    LARGEST: "MiB a batch",
    PIPELINE: "ms a batch",
    PAIR: "ms a batch",
    TOTAL: "ms a batch",
    PEAK: "MiB a batch",
    TEST_ERROR: "%",
}
MS, MIB = 1e3, 2.0**-20
CLASSIFICATION = "output"
"""The stage that the paper's figures leave out."""

Figures = Mapping[str, Figure]
"""By column."""


@dataclass(frozen=True)
class Study:
    """One of the four tables.

    Attributes:
        name: of the reproduction and its files.
        caption: what the table shows.
        columns: settings in which each column differs from what the four tables share.
        ratios: columns above and below the line, in the order in which they are shown.
        layers: rows for each layer (Tables II and IV) rather than means over the layers (I and III).
        paper: by row and column: figures, a sequence of one for each layer where `layers`.
        schedule: settings of the runs whose test errors are shown; without it there are none.
        differences: from the paper, beyond those that the four tables share.
    """

    name: str
    caption: str
    columns: Mapping[str, Values]
    ratios: Sequence[tuple[str, str]]
    layers: bool
    paper: Mapping[str, Mapping[str, Any]]
    schedule: Values | None = None
    differences: Sequence[str] = ()


def by_layer(values: Sequence[float], spreads: Sequence[float | None] | None = None) -> list[Figure]:
    """Return the paper's figures of layer 1, layer 2, and so on."""
    return list(zip(values, spreads or [None] * len(values), strict=True))


def rows_over_layers(study: Study, found: Mapping[str, Cost], runs: Mapping[str, MetricsRow]) -> list[Line]:
    """Table I or III: means over the layers, of a locked rule the network's figure; slowest and largest layer; errors.

    Args:
        study: the table.
        found: costs by column.
        runs: best rows of metrics by column, of the finished runs.
    """
    measured: dict[str, Figures] = {
        TIME: {column: _mean_time(cost) for column, cost in found.items()},
        MEMORY: {column: _mean_memory(cost) for column, cost in found.items()},
        SLOWEST: {column: (MS * max(stage.seconds for stage in hidden(cost)), None) for column, cost in found.items()},
        LARGEST: {column: (MIB * max(stage.bytes for stage in hidden(cost)), None) for column, cost in found.items()},
        PIPELINE: {column: (MS * in_pipeline(cost, len(cost.stages)), None) for column, cost in found.items()},
        PAIR: {column: (MS * in_pipeline(cost, 2), None) for column, cost in found.items()},
        TOTAL: {column: (MS * sum(stage.seconds for stage in cost.stages), None) for column, cost in found.items()},
        PEAK: {column: (MIB * cost.bytes, None) for column, cost in found.items()},
    }
    rows = [_row(study, kind, kind, measured[kind], study.paper.get(kind, {})) for kind in measured]
    if study.schedule:
        epochs = {column: (run["epoch"], None) for column, run in runs.items()}
        errors = {column: (run["test_error"], None) for column, run in runs.items()}
        rows.append(_row(study, BEST_EPOCH, BEST_EPOCH, epochs, study.paper[BEST_EPOCH]))
        rows.append(_row(study, TEST_ERROR, TEST_ERROR, errors, study.paper[TEST_ERROR]))
    return rows


def rows_by_layer(study: Study, found: Mapping[str, Cost]) -> list[Line]:
    """Table II or IV: time, then memory, of each layer and their mean.

    Args:
        study: the table.
        found: costs by column.
    """
    rows = []
    for kind, mean in ((TIME, _mean_time), (MEMORY, _mean_memory)):
        paper = study.paper[kind]
        for place, stage in enumerate(hidden(next(iter(found.values())))):
            measured = {column: _of_stage(kind, hidden(cost)[place]) for column, cost in found.items()}
            printed = {column: figures[place] for column, figures in paper.items()}
            rows.append(_row(study, stage.stage, kind, measured, printed))
        means = {column: mean(cost) for column, cost in found.items()}
        printed = {column: (fmean(figure for figure, _ in figures), None) for column, figures in paper.items()}
        rows.append(_row(study, "mean", kind, means, printed))
    return rows


def hidden(cost: Cost) -> list[StageCost]:
    """Return the stages that the paper's figures are of: hidden layers, or the network where the rule locks them."""
    return [stage for stage in cost.stages if stage.stage != CLASSIFICATION]


def in_pipeline(cost: Cost, processes: int) -> float:
    """Return the seconds a batch of processes that share the stages out, each handing on to the next: the slowest's.

    Args:
        cost: of the stages, the classification layer among them.
        processes: at most so many; the stages of a locked rule are one.
    """
    seconds = [stage.seconds for stage in cost.stages]
    parts = balanced(seconds, min(processes, len(seconds)))
    return max(sum(seconds[place] for place in part) for part in parts)


def _of_stage(kind: str, stage: StageCost) -> Figure:
    return (MS * stage.seconds, MS * stage.deviation) if kind == TIME else (MIB * stage.bytes, None)


def _mean_time(cost: Cost) -> Figure:
    return _mean([_of_stage(TIME, stage) for stage in hidden(cost)])


def _mean_memory(cost: Cost) -> Figure:
    return _mean([_of_stage(MEMORY, stage) for stage in hidden(cost)])


def _mean(figures: Sequence[Figure]) -> Figure:
    """Return the mean and standard deviation over layers; a single figure keeps its own deviation."""
    if len(figures) == 1:
        return figures[0]
    values = [value for value, _ in figures]
    return fmean(values), pstdev(values)


def _row(study: Study, name: str, kind: str, measured: Figures, paper: Figures) -> Line:
    row: dict[str, Cell | str | float] = {"": name, "unit": UNITS.get(kind, "")}
    digits = 0 if kind == BEST_EPOCH else 2
    for column in study.columns:
        (value, spread), (printed, paper_spread) = (of.get(column, (None, None)) for of in (measured, paper))
        row[column] = Cell(value, printed, spread, paper_spread, digits)
    if kind not in (BEST_EPOCH, TEST_ERROR):
        for above, below in study.ratios:
            row[f"{above} / {below}"] = Cell(_ratio(measured, above, below), _ratio(paper, above, below))
    return row


def _ratio(figures: Figures, above: str, below: str) -> float | None:
    """None where one of the two is missing."""
    if above not in figures or below not in figures:
        return None
    return figures[above][0] / figures[below][0]
