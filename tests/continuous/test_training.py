"""A training run: what it writes, that it learns, and that one which was stopped goes on as if it had not been."""

import json
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ctsigprop.analysis.measures.alignment import angles
from ctsigprop.analysis.measures.callbacks import Angles, Gradients, measures
from ctsigprop.analysis.measures.probe import probe
from ctsigprop.continuous.epoch import outputs_of
from ctsigprop.continuous.equilibrium import LayerSweeps
from ctsigprop.continuous.samples import Samples
from ctsigprop.continuous.training import draw, train
from ctsigprop.data import load
from ctsigprop.errors import InputError, RunFailure
from ctsigprop.runs import RunFolder, trainer
from ctsigprop.runs.callbacks import Callback, Moment
from ctsigprop.settings import (
    DataSettings,
    LearningSettings,
    NetworkSettings,
    NudgingSettings,
    ProbeSettings,
    Settings,
    SolverSettings,
    TrainingSettings,
)

Rows = Callable[[RunFolder], list[dict[str, Any]]]
SameRun = Callable[[RunFolder, RunFolder], None]
Stopping = Callable[[int], AbstractContextManager[None]]

BATCHES = 12
EPOCHS = 3


def small(kind: str = "positive", start: str = "last", method: str = "anderson", **training: Any) -> Settings:
    """A run of twelve batches an epoch."""
    return Settings(
        DataSettings("digits", limit=230),
        NetworkSettings(hidden=(16, 12), loops=(1, 2), output_gain=0.3),
        SolverSettings(method, start=start),
        NudgingSettings(kind, 0.5),
        LearningSettings(rates=(0.4, 0.2, 0.05), feedback_rate=0.05, decay=0.9),
        TrainingSettings(**{"epochs": EPOCHS, "batch_size": 20, "threads": 1} | training),
    )


class Measuring(Callback):
    """Adds what a function gives to each epoch's row."""

    def __init__(self, function: Callable[[], dict[str, Any]]) -> None:
        self.function = function

    def after_epoch(self, moment: Moment) -> None:
        moment.row |= self.function()


def trained(path: Path, settings: Settings, **options: Any) -> RunFolder:
    with RunFolder.create(path, settings) as run:
        train(settings, run, quiet=True, **options)
    return run


def test_a_run_folder_holds_what_the_design_asks_for(tmp_path: Path) -> None:
    settings = small(keep=(2,))
    run = trained(tmp_path / "run", settings, callbacks=[Measuring(lambda: {"angles": {"W12": 45.0}})])
    for number, row in enumerate(run.metrics(), start=1):
        assert row["epoch"] == number
        assert all(0 <= row[f"{part}_error"] <= 100 for part in ("train", "validation", "test"))
        assert 0 < row["free_residual"] <= 1e-4
        assert 0 <= row["clamped_residual"] <= 1e-4
        assert 1 <= row["free_sweeps"] < 50
        assert 0 <= row["clamped_sweeps"] < 50
        assert 0 < row["training_seconds"] <= row["seconds"]
        assert row["angles"] == {"W12": 45.0}
        assert 0 < row["moved"] <= 1
        assert row["unconverged"] == row["judged_unconverged"] == 0
        assert 0 < row["judged_residual"] <= 1e-4
        assert row["warnings"] == {}
    assert len(run.metrics()) == EPOCHS
    names = ["config.yaml", "metrics.jsonl", "summary.json"]
    names += [f"checkpoint-{kind}.npz" for kind in ("last", "best", "epoch-2")]
    assert set(names) <= {path.name for path in run.path.iterdir()}
    assert run.settings() == settings
    summary = json.loads((run.path / "summary.json").read_text())
    best = min(reversed(run.metrics()), key=lambda row: row["validation_error"])
    assert summary["best_epoch"] == best["epoch"]
    assert summary["best_validation_error"] == best["validation_error"]
    assert summary["test_error"] == best["test_error"]
    assert summary["final_train_error"] == run.metrics()[-1]["train_error"]
    assert summary["seconds"] == pytest.approx(sum(row["seconds"] for row in run.metrics()))
    assert {"packages", "git_revision", "seed", "cpu"} <= summary.keys()


def test_the_best_checkpoint_has_the_smallest_validation_error(tmp_path: Path) -> None:
    settings = small(epochs=6)
    run, data = trained(tmp_path / "run", settings), load("digits")
    network = draw(settings, data)
    validation = Samples.of(data, data.validation, network)
    errors = {}
    for kind in ("best", "last"):
        arrays, meta = run.load_checkpoint(kind)
        network.load(arrays)
        errors[meta["epoch"]] = outputs_of(LayerSweeps(network), validation.inputs, settings.solver).error_of(
            validation
        )
    reported = [row["validation_error"] for row in run.metrics()]
    for epoch, error in errors.items():
        assert reported[epoch - 1] == pytest.approx(error, abs=1e-9)
    best = run.load_checkpoint("best")[1]["epoch"]
    assert best == max(epoch for epoch, error in enumerate(reported, start=1) if error == min(reported))
    assert reported[-1] < reported[0]


@pytest.mark.parametrize("architecture", ["sigprop_loop", "symmetric_ep", "random_feedback_ep"])
@pytest.mark.parametrize("kind", ["positive", "random-sign", "centered"])
def test_it_learns_the_digits(tmp_path: Path, architecture: str, kind: str) -> None:
    settings = Settings(
        DataSettings("digits", limit=600),
        NetworkSettings(architecture, (64,)),
        nudging=NudgingSettings(kind, 0.5),
        learning=LearningSettings(rates=(1.0, 0.05), feedback_rate=0.05),
        training=TrainingSettings(epochs=6, threads=1),
    )
    run = trained(tmp_path / "run", settings)
    assert run.metrics()[-1]["validation_error"] < 15
    arrays, _ = run.load_checkpoint("last")
    for name, weight in draw(settings, load("digits")).parameters().items():
        assert not np.array_equal(arrays[name], weight), f"{name} has not moved"


@pytest.mark.parametrize("method", ["dopri5", "exponential_euler"])
def test_integrators_train_as_the_sweeps_do(tmp_path: Path, method: str) -> None:
    """The updates do not depend on how a fixed point was reached, beyond its tolerance."""
    weights, settings = [], small(epochs=1)
    exact = replace(settings.network, precision="float64")
    for way in ("anderson", method):
        way_there = SolverSettings(way, tolerance=1e-6)
        run = trained(tmp_path / way, replace(settings, network=exact, solver=way_there))
        weights.append(run.load_checkpoint("last")[0])
    for name in ("W01", "W12", "W23", "W31", "W32", "b1", "b3"):
        np.testing.assert_allclose(weights[1][name], weights[0][name], atol=1e-4)


@pytest.mark.parametrize(
    ("kind", "start", "learning", "batches"),
    [
        ("positive", "last", {}, (1, 30)),
        ("random-sign", "last", {}, (7, 9, 2)),
        ("centered", "zero", {}, (BATCHES + 1, BATCHES + 1)),
        ("random-sign", "zero", {}, (BATCHES, 14)),
        ("positive", "last", {"average": 2}, (5, BATCHES, 9)),
        ("positive", "last", {"centred": True}, (3, BATCHES + 2, 8)),
    ],
)
def test_a_run_stopped_between_batches_goes_on_bit_for_bit(
    tmp_path: Path,
    kind: str,
    start: str,
    learning: dict[str, Any],
    batches: tuple[int, ...],
    assert_same_run: SameRun,
    stopping_before: Stopping,
) -> None:
    settings = small(kind, start, keep=(1,))
    settings = replace(settings, learning=replace(settings.learning, **learning))
    undisturbed = trained(tmp_path / "undisturbed", settings)
    with RunFolder.create(tmp_path / "stopped", settings) as stopped:
        for time, batch in enumerate(batches):
            with stopping_before(batch), pytest.raises(KeyboardInterrupt):
                train(settings, stopped, resume=time > 0, quiet=True)
        train(settings, stopped, resume=True, quiet=True)
    assert_same_run(stopped, undisturbed)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_run_where_nothing_is_lost(
    tmp_path: Path, number: signal.Signals, assert_same_run: SameRun
) -> None:
    settings = small()
    undisturbed = trained(tmp_path / "undisturbed", settings, callbacks=[Measuring(dict)])
    signals = [number]

    def measure() -> dict[str, float]:
        if signals:
            signal.raise_signal(signals.pop())
        return {}

    with RunFolder.create(tmp_path / "run", settings) as run:
        with pytest.raises(KeyboardInterrupt):
            train(settings, run, quiet=True, callbacks=[Measuring(measure)])
        assert [row["epoch"] for row in run.metrics()] == [1]
        train(settings, run, resume=True, quiet=True, callbacks=[Measuring(measure)])
    assert_same_run(run, undisturbed)


def test_a_signal_in_the_last_evaluation_is_not_lost(tmp_path: Path) -> None:
    """Who asked for more runs than this one must not begin the next."""
    settings = small()
    measured = []

    def measure() -> dict[str, float]:
        measured.append(1)
        if len(measured) == EPOCHS:
            signal.raise_signal(signal.SIGINT)
        return {}

    with RunFolder.create(tmp_path / "run", settings) as run:
        with pytest.raises(KeyboardInterrupt):
            train(settings, run, quiet=True, callbacks=[Measuring(measure)])
        assert run.finished(settings)


class Killed(Exception):
    """Stands for a kill: nothing of the run catches it."""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return trained(tmp_path_factory.mktemp("undisturbed") / "run", small(keep=(1, EPOCHS)))


WRITES = [*(("save_checkpoint", call) for call in range(1, 8)), *(("write_metrics", call) for call in range(1, 4))]


@pytest.mark.parametrize(("write", "call"), [*WRITES, ("write_summary", 1)])
def test_a_kill_before_any_write_loses_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    undisturbed: RunFolder,
    write: str,
    call: int,
    assert_same_run: SameRun,
) -> None:
    settings, original, calls = undisturbed.settings(), getattr(RunFolder, write), 0

    def dying(self: RunFolder, *args: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == call:
            raise Killed
        original(self, *args)

    with RunFolder.create(tmp_path / "run", settings) as run:
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(RunFolder, write, dying)
            train(settings, run, quiet=True)
        train(settings, run, resume=run.checkpoint("last").exists(), quiet=True)
    assert_same_run(run, undisturbed)


def test_a_finished_run_can_be_trained_further(tmp_path: Path, rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    longer = small()
    run = trained(tmp_path / "run", small(epochs=1))
    train(longer, run, resume=True, quiet=True)
    undisturbed = trained(tmp_path / "undisturbed", longer)
    assert rows(run) == rows(undisturbed)
    again, summary = rows(run), run.summary()
    monkeypatch.setattr(trainer, "environment", lambda: {"git_revision": "another", "cpu": "another"})
    train(longer, run, resume=True, quiet=True)
    assert rows(run) == again
    assert run.summary() == summary
    for name in ("summary.json", "metrics.jsonl"):
        (run.path / name).write_text("{")
    train(longer, run, resume=True, quiet=True)
    assert rows(run) == again
    assert run.summary()["git_revision"] == "another"


@pytest.mark.parametrize(("early", "expected"), [(1, [0]), (5, [0, 2, 4, 7, 9]), (40, list(range(BATCHES)))])
def test_the_first_epoch_is_measured_at_evenly_spread_batches(tmp_path: Path, early: int, expected: list[int]) -> None:
    settings = replace(small(epochs=2), probe=ProbeSettings(early=early))
    run = trained(tmp_path / "run", settings, callbacks=[Angles(early)])
    first, second = run.metrics()
    assert [point["batch"] for point in first["early"]] == expected
    assert [point["epoch"] for point in first["early"]] == pytest.approx([batch / BATCHES for batch in expected])
    assert first["early"][0]["angles"] == angles(draw(settings, load("digits", limit=230)))
    values = [list(point["angles"].values()) for point in first["early"]]
    assert len({tuple(value) for value in [*values, first["angles"].values()]}) == len(values) + 1
    assert "early" not in second
    assert "probe" not in first


def test_the_probe_sees_the_first_validation_samples_after_each_epoch(tmp_path: Path, rows: Rows) -> None:
    settings = replace(small(epochs=2), probe=ProbeSettings(samples=30))
    run = trained(tmp_path / "run", settings, callbacks=measures(settings.probe))
    network, validation = draw(settings, load("digits")), load("digits").validation
    network.load(run.load_checkpoint("last")[0])
    samples = Samples.of(load("digits"), validation, network)
    expected = probe(network, samples.inputs[:30], samples.targets[:30], settings)
    assert [row["probe"]["samples"] for row in run.metrics()] == [30, 30]
    assert run.metrics()[-1]["probe"] == expected
    plain = trained(tmp_path / "plain", small(epochs=2), callbacks=[Angles()])
    assert rows(plain) == [{key: value for key, value in row.items() if key != "probe"} for row in rows(run)]


@pytest.mark.parametrize("batches", [(1, 30), (4, 5, BATCHES)])
def test_what_is_measured_survives_a_stop(
    tmp_path: Path, batches: tuple[int, ...], assert_same_run: SameRun, stopping_before: Stopping
) -> None:
    settings = replace(small("random-sign", epochs=2), probe=ProbeSettings(samples=20, early=7))
    both = [Angles(7), Gradients(20)]
    undisturbed = trained(tmp_path / "undisturbed", settings, callbacks=both)
    with RunFolder.create(tmp_path / "stopped", settings) as stopped:
        for time, batch in enumerate(batches):
            with stopping_before(min(batch, 2 * BATCHES - 3)), pytest.raises(KeyboardInterrupt):
                train(settings, stopped, resume=time > 0, quiet=True, callbacks=both)
        train(settings, stopped, resume=True, quiet=True, callbacks=both)
    assert_same_run(stopped, undisturbed)


def test_a_checkpoint_from_before_there_were_early_measurements(
    tmp_path: Path, rows: Rows, stopping_before: Stopping
) -> None:
    settings = small()
    undisturbed = trained(tmp_path / "undisturbed", settings)
    with RunFolder.create(tmp_path / "old", settings) as old:
        with stopping_before(5), pytest.raises(KeyboardInterrupt):
            train(settings, old, quiet=True)
        arrays, meta = old.load_checkpoint("last")
        del meta["tally"]["early"]
        old.save_checkpoint("last", arrays, meta)
        train(settings, old, resume=True, quiet=True)
    assert rows(old) == rows(undisturbed)


def test_a_seed_is_a_run(tmp_path: Path, rows: Rows, assert_same_run: SameRun) -> None:
    one, two, other = (trained(tmp_path / name, small(seed=seed)) for name, seed in (("a", 1), ("b", 1), ("c", 2)))
    assert_same_run(one, two)
    assert rows(one) != rows(other)


def test_rates_decay_after_every_epoch(tmp_path: Path, rows: Rows) -> None:
    """The second epoch at half the decay is one at half the rates."""
    decaying = small(epochs=2)
    decaying = replace(decaying, learning=replace(decaying.learning, decay=0.5))
    halved = replace(decaying.learning, rates=(0.2, 0.1, 0.025), feedback_rate=0.025, decay=1.0)
    run = trained(tmp_path / "run", small(epochs=1))
    train(replace(decaying, learning=halved), run, resume=True, quiet=True)
    assert rows(run) == rows(trained(tmp_path / "decaying", decaying))


@pytest.mark.parametrize("start", ["last", "zero"])
def test_a_free_phase_starts_where_the_sample_last_ended_or_at_rest(tmp_path: Path, start: str) -> None:
    settings = small(start=start)
    still = replace(settings.learning, rates=(0.0,), feedback_rate=0.0)
    first, *later = trained(tmp_path / "run", replace(settings, learning=still)).metrics()
    assert first["free_sweeps"] > 1
    for row in later:
        assert row["free_sweeps"] == (1 if start == "last" else first["free_sweeps"])
        assert row["train_error"] == first["train_error"]


def test_weights_that_stay_fixed(tmp_path: Path) -> None:
    settings = small()
    settings = replace(settings, learning=replace(settings.learning, fixed=("loop", "W12")))
    arrays, _ = trained(tmp_path / "run", settings).load_checkpoint("last")
    for name, drawn in draw(settings, load("digits", limit=230)).parameters().items():
        assert np.array_equal(arrays[name], drawn) == (name in ("W12", "W31", "W32")), name


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    run = trained(tmp_path / "run", small(epochs=1))
    before = run.checkpoint("last").read_bytes()
    other = replace(small(), network=NetworkSettings(hidden=(16, 13), loops=(1, 2)))
    with pytest.raises(InputError, match=r"W12 is float32\[16, 12\].*\[16, 13\].*another network"):
        train(other, run, resume=True, quiet=True)
    assert run.checkpoint("last").read_bytes() == before


def test_a_checkpoint_with_a_lost_weight_is_refused(tmp_path: Path) -> None:
    settings = small()
    run = trained(tmp_path / "run", replace(settings, training=replace(settings.training, epochs=1)))
    arrays, meta = run.load_checkpoint("last")
    arrays["W12"][3, 4] = np.nan
    run.save_checkpoint("last", arrays, meta)
    with pytest.raises(InputError, match="W12 holds NaN or infinity"):
        train(settings, run, resume=True, quiet=True)


@pytest.mark.parametrize("stopped", [False, True])
@pytest.mark.parametrize("rho", ["hard_sigmoid", "tanh", "rectifier"])
def test_a_run_whose_weights_are_lost_fails_and_keeps_its_last_checkpoint(
    tmp_path: Path, rho: str, stopped: bool, stopping_before: Stopping
) -> None:
    settings = small(epochs=1)
    settings = replace(settings, network=replace(settings.network, rho=rho))
    run = trained(tmp_path / "run", settings)
    before = run.checkpoint("last").read_bytes()
    wild = LearningSettings(rates=(1e300,), feedback_rate=1e300)
    settings = replace(settings, learning=wild, training=replace(settings.training, epochs=2))
    with (
        stopping_before(2 if stopped else -1),
        pytest.raises(RunFailure, match=r"no longer finite.*: lower learning\.rates"),
    ):
        train(settings, run, resume=True, quiet=True)
    assert run.checkpoint("last").read_bytes() == before
    assert_array_equal([row["epoch"] for row in run.metrics()], [1])


def test_changes_are_relative_to_where_training_began(tmp_path: Path, stopping_before: Stopping) -> None:
    settings = small()
    began = draw(settings, load(settings.data.name))
    with RunFolder.create(tmp_path / "run", settings) as run:
        with stopping_before(BATCHES + 3), pytest.raises(KeyboardInterrupt):
            train(settings, run, quiet=True)
        train(settings, run, resume=True, quiet=True)
        last = run.load_checkpoint("last")[0]
        found = run.metrics()[-1]["changes"]
    for name, weight in began.weights.items():
        norm = np.linalg.norm(weight)
        if norm:
            assert found[name] == pytest.approx(np.linalg.norm(last[name] - weight) / norm, rel=1e-6)
        else:
            assert found[name] is None
