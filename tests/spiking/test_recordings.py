"""Learning recordings of an event camera: what is read and refused, that all models learn, and that a run goes on."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ctsigprop.errors import InputError
from ctsigprop.experiments.finishing import is_finished
from ctsigprop.layered.batches import Batches
from ctsigprop.layered.evaluation import error_rates
from ctsigprop.runs import OUTCOME, RunFolder
from ctsigprop.settings import DataSettings
from ctsigprop.settings.config import read_settings, settings_from, to_yaml
from ctsigprop.settings.spiking import SpikingSettings
from ctsigprop.spiking.events import load_frames
from ctsigprop.spiking.events.recordings import load_recordings
from ctsigprop.spiking.learners import learner_for
from ctsigprop.spiking.monitor.recording import network_of
from ctsigprop.spiking.trained import load_trained
from ctsigprop.spiking.training import data_for, standard_for, train

SameRun = Callable[[RunFolder, RunFolder], None]
Resumed = Callable[[SpikingSettings, Sequence[int]], RunFolder]
Arrays = dict[str, Any]

STEPS = 4


def bars(recordings: int, seed: int = 0) -> Arrays:
    """A bar that moves to the right, upwards, to the left or downwards, all over the frame."""
    random = np.random.default_rng(seed)
    bar = np.zeros((2, 8, 8), np.int64)
    bar[0, :, 1] = bar[1, :, 0] = 1
    labels = random.integers(4, size=recordings)
    frames = random.poisson(0.01, size=(recordings, STEPS, 2, 8, 8))
    for frame, label, start in zip(frames, labels, random.integers(8, size=recordings), strict=True):
        frame += [np.rot90(np.roll(bar, start + step, axis=2), label, axes=(1, 2)) for step in range(STEPS)]
    return {"frames": frames, "labels": labels}


def save(folder: Path, train: Arrays | None = None, test: Arrays | None = None) -> Path:
    folder.mkdir(exist_ok=True)
    for name, arrays in {"train": train or bars(60), "test": test or bars(20, seed=1)}.items():
        np.savez(folder / f"{name}.npz", **arrays)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Sixty recordings to learn from, ten of them to validate by, and twenty to test by."""
    return save(tmp_path / "bars")


def small(folder: Path, limit: int | None = None, **groups: dict[str, Any]) -> SpikingSettings:
    """A run of five batches an epoch."""
    values = {
        "data": {"events": str(folder), "limit": limit},
        "network": {"channels": [4, 6], "units": 12},
        "learning": {"rate": 5e-3},
        "training": {"epochs": 2, "batch_size": 10, "threads": 1},
    }
    return settings_from({name: {**values.get(name, {}), **groups.get(name, {})} for name in values}, "spiking")


def trained(path: Path, settings: SpikingSettings) -> RunFolder:
    with RunFolder.create(path, settings) as run:
        train(settings, run, quiet=True)
    return run


def test_the_last_sixth_is_for_validation_and_a_limit_is_of_the_others(folder: Path) -> None:
    arrays = bars(60)
    for limit, kept in ((None, 50), (20, 20), (1000, 50)):
        data = load_recordings(folder, STEPS, limit)
        assert (data.classes, data.shape, len(data.train), len(data.validation)) == (4, (2, 8, 8), kept, 10)
        for split, rows in ((data.train, slice(kept)), (data.validation, slice(50, None))):
            np.testing.assert_array_equal(split.images, arrays["frames"][rows])
            np.testing.assert_array_equal(split.labels, arrays["labels"][rows])
        np.testing.assert_array_equal(data.test.images, bars(20, seed=1)["frames"])


@pytest.mark.parametrize(
    ("factor", "kind"), [(np.int64(1), np.uint8), (np.uint16(300), np.float32), (np.float64(0.5), np.float32)]
)
def test_events_are_held_in_one_byte_each_where_that_is_enough(tmp_path: Path, factor: Any, kind: type) -> None:
    arrays = bars(20)
    arrays["frames"] = arrays["frames"] * factor
    data = load_recordings(save(tmp_path / "bars", arrays, arrays), STEPS)
    assert {split.images.dtype for split in (data.train, data.validation, data.test)} == {np.dtype(kind)}
    np.testing.assert_array_equal(data.test.images, arrays["frames"])


@pytest.mark.parametrize("channels_last", [False, True])
def test_every_frame_enters_at_its_step_as_it_was_counted(folder: Path, channels_last: bool) -> None:
    settings = small(folder, training={"precision": "float32", "channels_last": channels_last})
    data = data_for(settings)
    standard = standard_for(settings, data.train)
    learner = learner_for(settings, data.shape, data.classes).eval()
    inputs = standard.inputs(data.test.images)
    np.testing.assert_array_equal(inputs, data.test.images)
    assert inputs[0].is_contiguous(memory_format=standard.memory_format)
    (scores,) = learner.scores(inputs).values()
    sequence = load_frames(folder / "test.npz").inputs()
    with torch.no_grad():
        network = network_of(learner)
        torch.testing.assert_close(scores, network.of_sequence(sequence))
        assert not torch.allclose(scores, network.of_sequence(sequence.flip(0)))
    (error,) = error_rates(learner, data.test, standard).values()
    assert error == 100 * (scores.argmax(1).numpy() != data.test.labels).mean()


def test_batches_hold_whole_recordings_with_their_labels(folder: Path) -> None:
    settings = small(folder)
    data = data_for(settings)
    batches = Batches(data.train, standard_for(settings, data.train), settings.training)
    inputs, labels = (torch.cat(parts).numpy() for parts in zip(*batches.of_epoch(1), strict=True))

    def pairs(frames: Any, labels: Any) -> set[tuple[bytes, int]]:
        return {(frame.tobytes(), label) for frame, label in zip(frames, labels.tolist(), strict=True)}

    assert pairs(inputs, labels) == pairs(data.train.images.astype(np.float32), data.train.labels)


MODELS = [
    ("bp-surrogate", "end", 10),
    ("sp-surrogate", "end", 20),
    ("sp-surrogate", "step", 20),
    ("sp-voltage", "end", 45),
    ("sp-voltage", "step", 45),
    ("shallow", "end", 67),
]


@pytest.mark.parametrize(("model", "update", "most"), MODELS)
def test_all_models_learn_in_which_direction_a_bar_moves(tmp_path: Path, model: str, update: str, most: float) -> None:
    settings = small(
        save(tmp_path / "bars", bars(360), bars(120, seed=1)),
        network={"channels": [8, 12], "units": 32},
        learning={"model": model, "update": update, "rate": 2e-2, "readout_rate": 2e-2, "half_period": 5},
        training={"epochs": 5, "batch_size": 20},
    )
    row = trained(tmp_path / "run", settings).metrics()[-1]
    assert max(row["test_error"], row["validation_error"]) < most  # three of four would be chance


@pytest.mark.parametrize(("model", "update"), [("bp-surrogate", "end"), ("sp-surrogate", "step")])
def test_stopped_and_resumed_it_is_bit_for_bit_the_same_run(
    folder: Path, tmp_path: Path, model: str, update: str, assert_same_run: SameRun, stopped_and_resumed: Resumed
) -> None:
    settings = small(folder, learning={"model": model, "update": update}, training={"augment": "crop-flip"})
    run = stopped_and_resumed(settings, (3, 5))
    assert_same_run(run, trained(tmp_path / "undisturbed", settings))


@pytest.mark.parametrize("name", ["train.npz", "test.npz"])
def test_a_run_does_not_go_on_with_other_recordings(folder: Path, tmp_path: Path, name: str) -> None:
    settings = small(folder, training={"epochs": 1})
    run = trained(tmp_path / "run", settings)
    loaded = load_trained(run)
    np.savez(folder / name, **bars(60, seed=7))
    words = f"{folder / name}: has SHA-256 .*, and the run learned from one with SHA-256 .*: bring it back, or train"
    with pytest.raises(InputError, match=words):
        train(settings, run, resume=True, quiet=True)
    with pytest.raises(InputError, match=words):
        _ = loaded.data


def test_a_trained_network_is_there_without_its_recordings(folder: Path, tmp_path: Path) -> None:
    run = trained(tmp_path / "run", small(folder, training={"epochs": 1}))
    data = load_trained(run).data
    for path in folder.iterdir():
        path.unlink()
    loaded = load_trained(run)
    assert (loaded.network.blocks[0].inputs, loaded.network.classes) == (data.shape, data.classes)
    assert loaded.scale == {}
    with pytest.raises(InputError, match=f"data.events = {folder}: there is no train.npz"):
        _ = loaded.data


def other(**arrays: Any) -> Arrays:
    return {**bars(20), **arrays}


FRAMES, LABELS = bars(20).values()
REFUSED: dict[str, tuple[dict[str, Arrays], str]] = {
    "no labels": ({"train": {"frames": FRAMES}}, "train.npz: has no array labels: save it as np.savez"),
    "no labels to test by": ({"test": {"frames": FRAMES}}, "test.npz: has no array labels"),
    "no frames": ({"train": {"labels": LABELS}}, "train.npz: has no array frames, only labels"),
    "other steps": (
        {"train": other(frames=FRAMES[:, :3])},
        "network.steps = 4: the recordings of .*train.npz have 3: set it to 3, or bin them into 4",
    ),
    "other steps to test by": ({"test": other(frames=FRAMES[:, :1])}, "steps = 4: the recordings of .*test.npz have 1"),
    "another size": ({"test": other(frames=FRAMES[..., :7])}, "test.npz: frames are 2 x 8 x 7: must be 2 x 8 x 8"),
    "too large a label": ({"test": other(labels=LABELS + 1)}, "test.npz: labels: 4 is no class: must be from 0 to 3"),
    "a negative label": ({"train": other(labels=LABELS - 1)}, "train.npz: labels: -1 is no class: must be from 0"),
    "labels from 1": (
        {"train": other(labels=LABELS + 1)},
        "train.npz: labels: none of the first 17 is class 0, and the last 3 are for validation: shuffle",
    ),
    "a wild label": ({"train": other(labels=np.where(LABELS == 2, 10**15, LABELS))}, "of the first 17 is class 2"),
    "a class for validation alone": ({"train": other(labels=np.arange(20) // 18)}, "none of the first 17 is class 1"),
    "in order": ({"train": other(labels=np.arange(20) // 10)}, "labels are in ascending order, and the last 3 are for"),
    "one class": (
        {"train": other(labels=LABELS * 0), "test": other(labels=LABELS * 0)},
        "train.npz: labels are all 0: must be of two classes or more",
    ),
    "too few": ({"train": {"frames": FRAMES[:2], "labels": [0, 1]}}, "train.npz: holds 2 recordings: must be at least"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_learned_is_one_line(tmp_path: Path, case: str) -> None:
    files, words = REFUSED[case]
    save(tmp_path, **files)
    with pytest.raises(InputError, match=words) as refusal:
        load_recordings(tmp_path, STEPS)
    assert "\n" not in str(refusal.value)


def test_missing_files_are_one_line(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"data.events = .*nowhere: there is no train.npz: give a folder that holds"):
        load_recordings(tmp_path / "nowhere", STEPS)
    (folder / "test.npz").unlink()
    with pytest.raises(InputError, match=r"bars: there is no test.npz: give a folder that holds train.npz and test"):
        load_recordings(folder, STEPS)


def test_too_small_a_frame_is_refused(tmp_path: Path) -> None:
    arrays = other(frames=FRAMES[..., :3])
    settings = small(save(tmp_path / "bars", arrays, arrays))
    with pytest.raises(InputError, match="data: a sample is 8 x 3: must be at least 4 x 4"):
        trained(tmp_path / "run", settings)


def test_the_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = small(Path("bars"))
    assert settings.data.events == str(tmp_path / "bars")
    assert settings.title == "bars-sp-surrogate"
    of_files = {("data", name): "data.file is left out" for name in ("scaling", "seed")}
    assert settings.inactive == of_files | {("data", "name"): f"data.events = {tmp_path / 'bars'}"}
    for value in ("", 3):
        with pytest.raises(InputError, match=f"data.events = {value!r}: must be the path of a folder"):
            settings_from({"data": {"events": value}}, "spiking")
    for coding in ("rate", "latency"):
        with pytest.raises(InputError, match=f"network.coding = '{coding}': must be direct with data.events"):
            small(Path("bars"), network={"coding": coding})


def test_settings_of_images_are_as_they_were(tmp_path: Path) -> None:
    settings = SpikingSettings()
    assert replace(settings, data=DataSettings("mnist", limit=5)) == settings_from(  # type: ignore[arg-type]
        {"data": {"name": "mnist", "limit": 5}}, "spiking"
    )
    with RunFolder.create(tmp_path / "run", settings) as run:
        before = to_yaml(settings).replace("  events: null\n", "")
        run.write("config.yaml", before)
        run.write_metrics([])
        run.write_summary(dict.fromkeys(OUTCOME, 1.0) | {"epochs": settings.training.epochs})
    assert "events" not in before
    assert read_settings(tmp_path / "run" / "config.yaml") == settings
    assert is_finished(tmp_path / "run", settings)
