"""TensorBoard event files hold what metrics.jsonl holds."""

import sys
from pathlib import Path

import pytest

from ctsigprop.continuous.training import train
from ctsigprop.errors import InputError
from ctsigprop.runs import RunFolder
from ctsigprop.runs.callbacks import Callback, Moment
from ctsigprop.runs.tensorboard import event_writer
from ctsigprop.settings import DataSettings, LearningSettings, NetworkSettings, Settings, TrainingSettings


def settings(*, tensorboard: bool) -> Settings:
    return Settings(
        DataSettings("digits", limit=60),
        NetworkSettings(hidden=(12,)),
        learning=LearningSettings(rates=(0.2, 0.05)),
        training=TrainingSettings(epochs=2, threads=1, tensorboard=tensorboard),
    )


class Made(Callback):
    """Adds angles that are made up."""

    def after_epoch(self, moment: Moment) -> None:
        moment.row["angles"] = {"W12": 60.5, "W21": 80.25}


def test_event_files_hold_the_metrics(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="TensorBoard, an extra, is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with RunFolder.create(tmp_path / "run", settings(tensorboard=True)) as run:
        train(run.settings(), run, quiet=True, callbacks=[Made()])
    events = EventAccumulator(str(run.path / "tensorboard")).Reload()
    rows = run.metrics()
    numbers = {name for name, value in rows[0].items() if isinstance(value, int | float)}
    assert {"train_error", "validation_error", "test_error", "loop_gain", "free_residual"} <= numbers
    changes = {f"changes/{name}" for name, value in rows[0]["changes"].items() if value is not None}
    assert events.Tags()["tensors"] == []
    assert set(events.Tags()["scalars"]) == numbers | {"angles/W12", "angles/W21"} | changes
    for name in numbers:
        written = [(event.step, event.value) for event in events.Scalars(name)]
        assert [step for step, _ in written] == [1, 2]
        assert [value for _, value in written] == pytest.approx([row[name] for row in rows], rel=1e-6)
    assert [event.value for event in events.Scalars("angles/W21")] == [80.25, 80.25]


def test_without_being_asked_for_there_are_none(tmp_path: Path) -> None:
    with RunFolder.create(tmp_path / "run", settings(tensorboard=False)) as run:
        train(run.settings(), run, quiet=True)
    assert not (run.path / "tensorboard").exists()


def test_without_the_package_the_error_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard.summary.writer.event_file_writer", None)
    with (
        pytest.raises(InputError, match=r"training\.tensorboard = True: .*pip install 'ctsigprop\[tensorboard\]'"),
        event_writer(tmp_path, enabled=True),
    ):
        pytest.fail("an event writer without TensorBoard")
    with event_writer(tmp_path, enabled=False) as write:
        write({"epoch": 1})
    assert list(tmp_path.iterdir()) == []
