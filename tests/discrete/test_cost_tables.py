import json
from dataclasses import replace
from itertools import product
from pathlib import Path
from statistics import fmean, pvariance
from typing import Any

import pytest

from ctsigprop.core.environment import environment
from ctsigprop.data import load
from ctsigprop.discrete.training import placed_learner
from ctsigprop.errors import InputError
from ctsigprop.experiments.paper.hardware import Hardware
from ctsigprop.experiments.paper.table import Cell
from ctsigprop.experiments.paper.tables import efficiency, memory_against_depth, table_1, table_2, table_3, table_4
from ctsigprop.experiments.paper.tables.efficiency import settings_of, table_of
from ctsigprop.experiments.paper.tables.efficiency_rows import (
    LARGEST,
    MEMORY,
    PAIR,
    PEAK,
    PIPELINE,
    SLOWEST,
    TIME,
    TOTAL,
    Study,
    hidden,
)
from ctsigprop.layered.batches import Batches
from ctsigprop.layered.cost import Cost, StageCost
from ctsigprop.layered.evaluation import error_rates
from ctsigprop.layered.training import standard_for
from ctsigprop.runs import RunFolder
from ctsigprop.settings import DiscreteSettings
from ctsigprop.settings.config import to_values

CPU, CUDA = Hardware(1), Hardware(1, "cuda")
STUDIES = [module.STUDY for module in (table_1, table_2, table_3, table_4)]
OVER_AND_BY_LAYER = [(table_1.STUDY, table_2.STUDY), (table_3.STUDY, table_4.STUDY)]
ROUNDING = 0.02
MS, MIB = 1e3, 2**20


def stage(name: str, seconds: float, mib: int) -> StageCost:
    return StageCost(name, seconds, seconds, seconds / 10, mib * MIB)


@pytest.fixture
def found() -> dict[str, Cost]:
    """LL and SP with two layers, BP with one stage."""
    layers = [stage("layer 1", 0.2, 2), stage("layer 2", 0.4, 4), stage("output", 0.9, 9)]
    slower = [stage("layer 1", 0.4, 2), stage("layer 2", 1.2, 6), stage("output", 0.9, 9)]
    return {
        "BP": Cost([stage("network", 0.6, 12)], 12 * MIB),
        "LL-BP": Cost(slower, 10 * MIB),
        "LL-FA": Cost(slower, 10 * MIB),
        "SP": Cost(layers, 9 * MIB),
    }


def cells(study: Study, found: dict[str, Cost]) -> list[dict[str, Any]]:
    return list(table_of(study, "full", found, {}).rows)


@pytest.mark.parametrize(("over", "by"), OVER_AND_BY_LAYER)
@pytest.mark.parametrize("kind", [TIME, MEMORY])
def test_the_papers_means_over_layers_are_those_of_its_layers(over: Study, by: Study, kind: str) -> None:
    for column, figures in by.paper[kind].items():
        assert fmean(value for value, _ in figures) == pytest.approx(over.paper[kind][column][0], abs=ROUNDING)


@pytest.mark.parametrize("column", ["LL-BP", "LL-FA", "SP"])
def test_the_papers_deviations_over_layers_are_variances(column: str) -> None:
    variance = pvariance(value for value, _ in table_2.STUDY.paper[TIME][column])
    assert table_1.STUDY.paper[TIME][column][1] == pytest.approx(variance, rel=0.02)


def test_the_papers_ratios_are_those_that_its_text_gives() -> None:
    assert _cell_of(table_1.STUDY, TIME, "SP", "BP") == pytest.approx(0.48, abs=0.005)
    assert _cell_of(table_1.STUDY, MEMORY, "SP", "BP") == pytest.approx(0.28, abs=0.005)
    assert _cell_of(table_3.STUDY, TIME, "Sparse", "Dense") == pytest.approx(0.66, abs=0.005)


def _cell_of(study: Study, kind: str, above: str, below: str) -> float:
    return study.paper[kind][above][0] / study.paper[kind][below][0]


def test_the_classification_layer_is_in_no_mean(found: dict[str, Cost]) -> None:
    assert [one.stage for one in hidden(found["SP"])] == ["layer 1", "layer 2"]
    assert [one.stage for one in hidden(found["BP"])] == ["network"]


def test_table_1_has_means_over_layers_and_ratios_to_backpropagation(found: dict[str, Cost]) -> None:
    rows = {row[""]: row for row in cells(table_1.STUDY, found)}
    time, memory, total, whole = (rows[name] for name in (TIME, MEMORY, TOTAL, PEAK))
    assert (time["SP"].measured, time["SP"].spread) == pytest.approx((300, 100))
    assert (time["BP"].measured, time["BP"].spread) == pytest.approx((600, 60))
    assert time["SP / BP"].measured == pytest.approx(0.5)
    assert time["SP / BP"].paper == pytest.approx(5.91 / 12.29)
    assert memory["SP"].measured == pytest.approx(3)
    assert memory["LL-BP / BP"].measured == pytest.approx(4 / 12)
    assert total["SP"].measured == pytest.approx(1500)
    assert whole["SP / BP"].measured == pytest.approx(9 / 12)


def test_table_1_has_what_a_pipeline_attains(found: dict[str, Cost]) -> None:
    """SP's stages take 200, 400 and 900 ms, those of LL 400, 1200 and 900; backpropagation is one."""
    rows = {row[""]: row for row in cells(table_1.STUDY, found)}
    expected = {SLOWEST: (400, 1200), LARGEST: (4, 6), PIPELINE: (900, 1200), PAIR: (900, 1600)}
    for name, (sp, ll) in expected.items():
        assert (rows[name]["SP"].measured, rows[name]["LL-BP"].measured) == pytest.approx((sp, ll))
        assert rows[name]["BP"].measured == pytest.approx(12 if name == LARGEST else 600)
        assert rows[name]["SP / BP"].measured == pytest.approx(sp / (12 if name == LARGEST else 600))
        assert rows[name]["SP"].paper is None


def test_table_2_has_a_row_for_each_layer_and_their_mean(found: dict[str, Cost]) -> None:
    rows = cells(table_2.STUDY, {name: found[name] for name in table_2.STUDY.columns})
    assert [row[""] for row in rows] == ["layer 1", "layer 2", "mean"] * 2
    assert rows[1]["SP"] == Cell(pytest.approx(400), 8.95, pytest.approx(40), 0.15)
    assert rows[1]["SP / LL-BP"].measured == pytest.approx(1 / 3)
    assert rows[2]["SP / LL-BP"].measured == pytest.approx(300 / 800)
    assert rows[4]["LL-FA"].measured == pytest.approx(6)


def test_a_run_that_is_missing_leaves_a_gap(found: dict[str, Cost]) -> None:
    error = table_of(table_1.STUDY, "full", found, {"SP": {"epoch": 7, "test_error": 31.25}}).rows[-1]
    assert (error["SP"].measured, error["SP"].paper) == (31.25, 8.34)
    assert (error["BP"].measured, error["BP"].paper) == (None, 5.99)
    assert "SP / BP" not in error


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
def test_columns_differ_only_in_what_they_compare(study: Study) -> None:
    settings = {column: to_values(settings_of(study, column, "full", CPU)) for column in study.columns}
    first = next(iter(settings.values()))
    differing = {
        (group, name)
        for values in settings.values()
        for group, content in values.items()
        for name, value in content.items()
        if value != first[group][name]
    }
    assert len(differing) == 1
    assert differing <= {("learning", "algorithm"), ("target", "density")}


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
def test_a_gpu_is_what_costs_are_measured_on_and_runs_are_trained_on(study: Study) -> None:
    for scale, schedule in product(("smoke", "full"), (None, study.schedule)):
        for column in study.columns:
            on_cpu, on_cuda = (settings_of(study, column, scale, one, schedule) for one in (CPU, CUDA))
            assert on_cuda == replace(on_cpu, training=replace(on_cpu.training, device="cuda")) != on_cpu


def test_memory_against_depth_is_of_the_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    devices = []

    def peak_bytes(settings: DiscreteSettings, shape: tuple[int, ...], classes: int) -> int:
        devices.append(settings.training.device)
        return len(settings.network.hidden)

    monkeypatch.setattr(memory_against_depth, "peak_bytes", peak_bytes)
    found = memory_against_depth.memory_against_depth((2, 4), CUDA, tmp_path / "figure.png")
    assert found["bytes"] == {"BP": [2, 4], "SP": [2, 4]}
    assert devices == ["cuda"] * 4


def test_a_run_of_another_device_is_refused_before_anything_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("costs", "finish_all"):
        monkeypatch.delattr(efficiency, name)
    column = next(iter(table_1.STUDY.columns))
    settings = settings_of(table_1.STUDY, column, "smoke", CPU, table_1.STUDY.schedule)
    RunFolder.create(tmp_path / "runs" / column.lower(), settings).close()
    with pytest.raises(InputError, match=r"holds a run of training\.device = 'cpu', and needed is 'cuda'"):
        table_1.reproduce("smoke", tmp_path, CUDA, quiet=True)
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


def test_a_table_is_measured_once_and_its_runs_are_trained_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    table_3.reproduce("smoke", tmp_path, CPU, quiet=True)
    first = json.loads((tmp_path / "table-3.json").read_text(encoding="utf-8"))
    monkeypatch.delattr(efficiency, "costs")
    table_3.reproduce("smoke", tmp_path, CPU, quiet=True)
    assert "2 of 2 runs finished" in capsys.readouterr().out
    again = json.loads((tmp_path / "table-3.json").read_text(encoding="utf-8"))
    assert again["rows"] == first["rows"]
    assert {"command", "settings", "machine", "seconds", "costs", "runs"} <= set(first)
    assert len(first["runs"]["Sparse"]) == 3
    ratio = first["rows"][0]["Sparse / Dense"]
    assert ratio["paper"] == pytest.approx(9.56 / 14.48)
    assert (tmp_path / "table-3.md").read_text(encoding="utf-8").startswith("Table III")


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch, found: dict[str, Cost]) -> list[list[str]]:
    """The columns of every measurement, which finds known costs."""
    columns: list[list[str]] = []

    def costs(settings: dict[str, DiscreteSettings], *_: Any) -> dict[str, Cost]:
        columns.append(list(settings))
        return {column: found.get(column, found["SP"]) for column in settings}

    monkeypatch.setattr(efficiency, "costs", costs)
    return columns


def test_a_table_leaves_the_costs_that_others_take_in_one_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, measured: list[list[str]]
) -> None:
    """I and III measure, II and IV take from them, whatever comes between, with the machine that measured."""

    def measure(module: Any) -> efficiency.Measured:
        study = module.STUDY
        settings = {column: settings_of(study, column, "smoke", CPU) for column in study.columns}
        return efficiency._measured(tmp_path / "costs.json", settings, "smoke", quiet=True)

    first = measure(table_1)
    monkeypatch.setattr(efficiency, "environment", lambda: {"cpu": "another"})
    measure(table_3)
    second = measure(table_2)
    measure(table_4)
    assert measured == [["BP", "LL-BP", "LL-FA", "SP"], ["Dense", "Sparse"]]
    assert second.costs == {column: first.costs[column] for column in ("LL-BP", "LL-FA", "SP")}
    assert (second.seconds, second.machine) == (first.seconds, environment())


def test_costs_whose_settings_are_refused_by_now_are_measured_anew(tmp_path: Path, measured: list[list[str]]) -> None:
    """A setting that the file lacks has its default; one that is no longer known makes it another measurement."""
    path, column = tmp_path / "costs.json", "SP"
    settings = {column: settings_of(table_1.STUDY, column, "smoke", CPU)}
    efficiency._measured(path, settings, "smoke", quiet=True)
    (kept,) = json.loads(path.read_text())
    del kept["settings"][column]["learning"]["readout_rate"]
    path.write_text(json.dumps([kept]))
    efficiency._measured(path, settings, "smoke", quiet=True)
    assert measured == [[column]]
    kept["settings"][column]["learning"]["readoutrate"] = 1.0
    path.write_text(json.dumps([kept]))
    efficiency._measured(path, settings, "smoke", quiet=True)
    assert measured == [[column], [column]]


def test_columns_that_are_measured_anew_replace_their_old_costs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: dict[str, Cost]
) -> None:
    """Columns are compared with those that they took turns with: Table I does not mix its BP with II's other three."""
    path = tmp_path / "costs.json"
    monkeypatch.setattr(efficiency, "costs", lambda settings, *_: {column: found[column] for column in settings})
    for module in (table_2, table_1):
        settings = {column: settings_of(module.STUDY, column, "smoke", CPU) for column in module.STUDY.columns}
        efficiency._measured(path, settings, "smoke", quiet=True)
    assert [list(one["settings"]) for one in json.loads(path.read_text())] == [list(table_1.COLUMNS)]


@pytest.mark.parametrize(("study", "column"), [(table_1.STUDY, "BP"), (table_1.STUDY, "SP"), (table_3.STUDY, "Dense")])
def test_the_smoke_scale_learns(study: Study, column: str) -> None:
    """Ten classes: a network that has learned nothing is wrong nine times in ten."""
    settings = settings_of(study, column, "smoke", CPU, study.schedule)
    data = load(settings.data.name, limit=settings.data.limit)
    standard = standard_for(settings, data.train)
    learner = placed_learner(settings, data.shape, data.classes)
    batches = Batches(data.train, standard, settings.training)
    for epoch in range(1, settings.training.epochs + 1):
        learner.train()
        learner.decay_rates(settings.decay_of(epoch))
        for inputs, labels in batches.of_epoch(epoch):
            learner.step(inputs, labels)
    assert error_rates(learner, data.test, standard)[learner.stages[-1].name] < 50
