"""Single events become frames: counted by hand, padded, masked, read from files of the common forms."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import ctsigprop as ct
from ctsigprop.errors import InputError, RunFailure
from ctsigprop.spiking.blocks import Block, network_of_blocks
from ctsigprop.spiking.events import frames_of, load_frames, padded, read_events, read_shd, save_frames

TONIC = [("x", np.int16), ("y", np.int16), ("t", np.int64), ("p", bool)]
SENSOR = (2, 6, 9)


def recording(count: int = 200, seed: int = 0, last: int = 10_000) -> Any:
    random = np.random.default_rng(seed)
    events = np.zeros(count, TONIC)
    events["x"], events["y"] = random.integers(9, size=count), random.integers(6, size=count)
    events["p"], events["t"] = random.integers(2, size=count), random.integers(5, last, size=count)
    return events


@pytest.mark.parametrize("factor", [1, 2, 4])
def test_each_event_is_counted_where_and_when_it_is(factor: int) -> None:
    events, window = recording(), 700
    start = events["t"].min()
    expected = np.zeros(((events["t"].max() - start) // window + 1, 2, -(-6 // factor), -(-9 // factor)), int)
    for x, y, t, p in events:
        expected[(t - start) // window, int(p), y // factor, x // factor] += 1
    np.testing.assert_array_equal(frames_of(events, SENSOR, window=window, factor=factor), expected)


def test_so_many_steps_are_of_equal_length_and_hold_every_event() -> None:
    events = recording()
    frames = frames_of(events, SENSOR, steps=7)
    assert frames.shape == (7, *SENSOR)
    since = events["t"] - events["t"].min()
    edges = np.linspace(0, since.max(), 8)
    np.testing.assert_array_equal(frames.sum(axis=(1, 2, 3)), np.histogram(since, edges)[0])


def test_the_order_of_events_does_not_matter_nor_does_when_the_first_is() -> None:
    events, later = recording(), recording()
    later["t"] += 10**15
    expected = frames_of(events, SENSOR, steps=5)
    np.testing.assert_array_equal(frames_of(events[::-1], SENSOR, steps=5), expected)
    np.testing.assert_array_equal(frames_of(later, SENSOR, steps=5), expected)


def test_a_recording_of_one_event_or_of_none() -> None:
    assert frames_of(recording(1), SENSOR, steps=3).sum(axis=(1, 2, 3)).tolist() == [1, 0, 0]
    assert frames_of(recording(0), SENSOR, steps=3).sum() == 0
    assert frames_of(recording(0), SENSOR, window=1.0).shape == (1, *SENSOR)


@torch.no_grad()
def test_a_padded_recording_has_the_logits_that_it_has_alone(tmp_path: Path) -> None:
    recordings = [
        frames_of(recording(seed=seed, last=last), SENSOR, window=500) for seed, last in enumerate((900, 4000))
    ]
    save_frames(tmp_path / "made" / "a.npz", recordings, [0, 1])
    found = load_frames(tmp_path / "made" / "a.npz", SENSOR)
    assert found.lengths is not None and found.lengths.tolist() == [len(one) for one in recordings] != [found.steps] * 2
    torch.manual_seed(0)
    block = Block(nn.Conv2d(2, 4, 3, padding=1), pool=nn.MaxPool2d(2))  # whose bias makes spikes of nothing
    network = network_of_blocks([block], SENSOR, 3, threshold=0.3).eval()
    logits = network.of_sequence(found.inputs(), torch.from_numpy(found.lengths))
    for one, expected in zip(recordings, logits, strict=True):
        alone = network.of_sequence(torch.from_numpy(one).float()[:, None])
        torch.testing.assert_close(alone[0], expected)
    assert not torch.allclose(network.of_sequence(found.inputs())[0], logits[0])


@torch.no_grad()
def test_lengths_are_checked_whatever_holds_them() -> None:
    network = network_of_blocks([Block(nn.Linear(4, 5))], (4,), 3).eval()
    x = torch.ones(6, 2, 4)
    expected = network.of_sequence(x, torch.tensor([2, 6]))
    for lengths in ([2, 6], np.array([2, 6], np.int32)):
        torch.testing.assert_close(network.of_sequence(x, lengths), expected)
    odd: list[tuple[Any, str]] = [
        ([0, 6], "lengths = 0: must be 2 whole numbers from 1 to 6, one a sample"),
        ([2, 7], "lengths = 7: must be"),
        ([2], r"lengths = 'torch.int64 of shape \(1,\)': must be"),
        ([2.0, 6.0], "lengths = 'torch.float32 of shape"),
        (["2", "6"], "lengths: are of type list: must be"),
    ]
    for lengths, words in odd:
        with pytest.raises(InputError, match=words):
            network.of_sequence(x, lengths)


def test_a_dataset_of_tonics_form_is_learned(tmp_path: Path) -> None:
    """Pairs of events and a label, as tonic.datasets have them; here dots on the left or on the right."""
    data = []
    for number in range(60):
        events = recording(40, number)
        events["x"] = events["x"] % 3 + 6 * (number % 2)
        data.append((events, number % 2))
    for name, part in (("train", data[:48]), ("test", data[48:])):
        recordings = [frames_of(events, SENSOR, steps=4) for events, _ in part]
        save_frames(tmp_path / f"{name}.npz", recordings, [label for _, label in part])
    found = load_frames(tmp_path / "train.npz", SENSOR, 2)
    assert (found.steps, len(found)) == (4, 48)
    blocks = [Block(nn.Linear(2 * 6 * 9, 16))]
    learner = ct.spiking.SigProp(blocks, SENSOR, 2, optimizer=lambda parameters: torch.optim.Adam(parameters, 2e-2))
    test = load_frames(tmp_path / "test.npz", SENSOR, 2)
    assert found.labels is not None and test.labels is not None
    for _ in range(10):
        learner.step(found.inputs().transpose(0, 1), torch.from_numpy(found.labels))
    predicted = learner(test.inputs().transpose(0, 1)).argmax(1).numpy()
    assert (predicted == test.labels).mean() > 0.9


def test_recordings_of_a_file(tmp_path: Path) -> None:
    events = recording()
    np.save(tmp_path / "a.npy", events)
    np.testing.assert_array_equal(read_events(tmp_path / "a.npy"), events)
    np.save(tmp_path / "b.npy", np.zeros(3))
    for name, words in (("b.npy", "is no structured array"), ("none.npy", "cannot be read as NPY")):
        with pytest.raises(InputError, match=words):
            read_events(tmp_path / name)
    whole = (tmp_path / "a.npy").read_bytes()
    for damaged in (
        whole[:-9],
        whole[:40],
        b"PK\x03\x04" + whole,
        whole.replace(b"(200,)", b"((((((", 1),
        whole.replace(b"(200,), }      ", b"(2000000000000, )}", 1)[: len(whole)],
    ):
        (tmp_path / "c.npy").write_bytes(damaged)
        with pytest.raises(InputError, match="cannot be read as NPY") as refusal:
            read_events(tmp_path / "c.npy")
        assert "\n" not in str(refusal.value)


def test_the_form_of_shd(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    random = np.random.default_rng(0)
    counts = (30, 50, 20)
    times = [np.sort(random.uniform(0, 1.2, count)).astype(np.float16) for count in counts]
    units = [random.integers(700, size=count).astype(np.uint16) for count in counts]
    with h5py.File(tmp_path / "shd.h5", "w") as file:
        for name, arrays, kind in (("times", times, np.float16), ("units", units, np.uint16)):
            made = file.create_dataset(f"spikes/{name}", (3,), h5py.vlen_dtype(kind))
            for place, array in enumerate(arrays):
                made[place] = array
        file["labels"] = np.array([4, 0, 19], np.uint16)
    recordings, labels = read_shd(tmp_path / "shd.h5")
    assert labels.tolist() == [4, 0, 19]
    frames, lengths = padded([frames_of(one, (1, 1, 700), window=0.1, factor=10) for one in recordings])
    assert frames.shape == (3, lengths.max(), 1, 1, 70)
    for one, unit, count in zip(frames, units, counts, strict=True):
        assert one.sum() == count
        np.testing.assert_array_equal(one.sum(axis=(0, 1, 2)), np.bincount(unit // 10, minlength=70))
    (tmp_path / "other.h5").write_text("no HDF5")
    with pytest.raises(InputError, match="is no HDF5 file with spikes/times, spikes/units and labels"):
        read_shd(tmp_path / "other.h5")


NO_SHD = "is no HDF5 file with spikes/times, spikes/units and labels"
ODD: dict[str, tuple[dict[str, Any], str]] = {
    "fewer units": ({"spikes/units": [[1, 2]]}, "has 2 recordings of times, 1 of units and 2 labels"),
    "fewer labels": ({"labels": [1]}, "has 2 recordings of times, 2 of units and 1 labels"),
    "one label": ({"labels": 1}, NO_SHD),
    "labels with fractions": ({"labels": [0.5, np.nan]}, "labels are float64 of shape .*: must be whole numbers"),
    "labels as words": ({"labels": ["a", "b"]}, "labels are object of shape .*: must be whole numbers"),
    "labels in a group": ({"labels": {"a": [1]}}, NO_SHD),
    "spikes in no group": ({"spikes": [1, 2]}, NO_SHD),
    "one recording alone": ({"spikes/times": [1.0, 2.0], "spikes/units": [1, 2]}, "has times of shape"),
    "times as words": ({"spikes/times": [["a", "b"], ["c", "d"]]}, "has times of object"),
    "units with fractions": ({"spikes/units": [[1.0, 2.0], [1.0, 2.0]]}, "and units of float64"),
    "unlike lengths": ({"spikes/units": [[1], [2]]}, "recording 0 has times of shape .2,. and units of shape .1,."),
    "more than there is memory": ({"spikes/times": None}, NO_SHD),
}


@pytest.mark.parametrize("case", ODD)
def test_other_forms_than_that_of_shd_are_refused(tmp_path: Path, case: str) -> None:
    h5py = pytest.importorskip("h5py")
    changes, words = ODD[case]
    held: dict[str, Any] = {"spikes/times": [[0.1, 0.2]] * 2, "spikes/units": [[1, 2]] * 2, "labels": [0, 1]} | changes
    if "spikes" in held:
        del held["spikes/times"], held["spikes/units"]
    with h5py.File(tmp_path / "shd.h5", "w") as file:
        for name, values in held.items():
            if values is None:
                file.create_dataset(name, (2**45,), np.float64, chunks=(1024,))
            elif isinstance(values, dict):
                file.create_group(name).update(values)
            else:
                file[name] = values
    with pytest.raises(InputError, match=words) as refusal:
        read_shd(tmp_path / "shd.h5")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("sensor", "events", "words"),
    [
        ((2, 6), recording(), r"sensor = \(2, 6\): must be channels, height and width"),
        ((2, 0, 9), recording(), "sensor = .*: must be channels, height and width"),
        ((2, 6.0, 9), recording(), "sensor = .*: must be channels, height and width"),
        (SENSOR, recording().reshape(20, 10), r"events = 'of shape \(20, 10\)': must be a structured array of one"),
        (SENSOR, recording()[0], r"events = 'of shape \(\)': must be a structured array of one"),
    ],
)
def test_what_is_no_recording_of_a_sensor_is_refused(sensor: Any, events: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        frames_of(events, sensor, steps=3)


def test_frames_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="recordings = -1: must be counts, at least 0"):
        save_frames(tmp_path / "a.npz", [np.full((2, 1, 1, 4), -1, np.int32)], [0])
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFailure, match="file: cannot be written"):
        save_frames(tmp_path / "file" / "a.npz", [np.zeros((2, 1, 1, 4), np.int32)], [0])


@pytest.mark.parametrize(
    ("changes", "given", "words"),
    [
        ({"x": 9}, {"steps": 3}, r"events.x = 9: must be from 0 to 8, as the sensor's"),
        ({"y": -1}, {"steps": 3}, r"events.y = -1: must be from 0 to 5"),
        ({}, {}, "steps, window = .*: must be one of the two"),
        ({}, {"steps": 3, "window": 2.0}, "steps, window = .*: must be one of the two"),
        ({}, {"steps": 0}, "steps = 0: must be"),
        ({}, {"window": 0.0}, "window = 0.0: must be"),
        ({}, {"steps": 3, "factor": 0}, "factor = 0: must be"),
        ({}, {"window": 1e-3}, "frames: would have .* steps: take a longer window, or a factor"),
        ({}, {"window": 1e-20}, "window = 1e-20: must make at most .* steps: take a longer window"),
        ({}, {"window": 1e-320}, "window = .*: must make at most .* steps: take a longer window"),
    ],
)
def test_other_events_are_refused(changes: dict[str, int], given: dict[str, Any], words: str) -> None:
    events = recording()
    for name, value in changes.items():
        events[name][3] = value
    with pytest.raises(InputError, match=words):
        frames_of(events, SENSOR, **given)


def test_fields_of_other_names_are_refused() -> None:
    events = np.zeros(3, [("ts", float), ("x", int)])
    with pytest.raises(InputError, match="events: have ts, x: must have a field t: rename it"):
        frames_of(events, (1, 1, 4), steps=2)
    with pytest.raises(InputError, match=r"recordings = .*: must be at least one, with frames of one shape"):
        padded([])
    with pytest.raises(InputError, match="labels = 1: must be 2, one a recording"):
        save_frames(Path("a.npz"), [np.zeros((2, 1, 1, 4), np.int32)] * 2, [0])
