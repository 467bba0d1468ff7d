"""Frames of event cameras: what is read, and what is refused in one line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ctsigprop.errors import InputError
from ctsigprop.spiking.events import load_frames

Save = Callable[..., Path]

COUNTS = np.random.default_rng(0).poisson(0.5, (3, 4, 2, 8, 8))


@pytest.fixture
def save(tmp_path: Path) -> Save:
    def write(**arrays: Any) -> Path:
        path = tmp_path / "events.npz"
        np.savez_compressed(path, **arrays)
        return path

    return write


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.uint64, np.float16, np.float32, np.float64])
def test_frames_and_labels_are_read(save: Save, dtype: Any) -> None:
    found = load_frames(save(frames=COUNTS.astype(dtype), labels=[2, 0, 1]), shape=(2, 8, 8), classes=3)
    assert (len(found), found.steps, found.shape) == (3, 4, (2, 8, 8))
    assert found.frames.dtype == (np.uint8 if np.issubdtype(dtype, np.integer) else np.float32)
    np.testing.assert_array_equal(found.frames, COUNTS)
    assert found.labels is not None
    np.testing.assert_array_equal(found.labels, [2, 0, 1])


def test_one_recording_is_a_batch_of_one(save: Save) -> None:
    found = load_frames(save(frames=COUNTS[0], labels=7, other=np.zeros(2)))
    np.testing.assert_array_equal(found.frames, COUNTS[:1])
    assert found.labels is not None
    np.testing.assert_array_equal(found.labels, [7])
    assert load_frames(save(frames=COUNTS[0])).labels is None


def test_inputs_have_time_first(save: Save) -> None:
    inputs = load_frames(save(frames=COUNTS)).inputs(slice(1, 3))
    assert inputs.dtype == torch.float32
    np.testing.assert_array_equal(inputs, np.moveaxis(COUNTS[1:3], 0, 1))


def changed(value: float) -> np.ndarray:
    frames = COUNTS.astype(np.float64)
    frames[1, 2, 0, 3, 4] = value
    return frames


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no frames": ({"images": COUNTS}, "has no array frames, only images: save it as np.savez(FILE, frames=...)"),
    "three dimensions": (
        {"frames": COUNTS[0, 0]},
        "frames have shape (2, 8, 8): must be (time, channel, height, width)",
    ),
    "empty": ({"frames": COUNTS[:0]}, "frames have shape (0, 4, 2, 8, 8): must not be empty"),
    "text": ({"frames": np.full((1, 1, 1, 1), "a")}, "frames are <U1: must be numbers of events"),
    "complex": ({"frames": COUNTS * 1j}, "frames are complex128: must be numbers of events"),
    "NaN": ({"frames": changed(np.nan)}, "frames hold NaN or infinity: must be finite"),
    "infinity": ({"frames": changed(np.inf)}, "frames hold NaN or infinity: must be finite"),
    "negative": ({"frames": changed(-2)}, "frames hold -2.0: must be 0 or more, polarities as channels"),
    "too many": ({"frames": changed(1e9)}, "frames hold 1000000000.0: must be at most 16777216 events"),
    "objects": ({"frames": np.array([None])}, "holds Python objects: save plain arrays"),
    "another size": ({"frames": COUNTS[..., :7]}, "frames are 2 x 8 x 7: must be 2 x 8 x 8 (channel, height, width)"),
    "one polarity": ({"frames": COUNTS[:, :, :1]}, "frames are 1 x 8 x 8: must be 2 x 8 x 8"),
    "labels of others": ({"frames": COUNTS, "labels": [1, 2]}, "labels have shape (2,): must be (3,), one a sample"),
    "no class": ({"frames": COUNTS, "labels": [1, 2, 3]}, "labels: 3 is no class: must be from 0 to 2"),
    "negative class": ({"frames": COUNTS, "labels": [1, -1, 2]}, "labels: -1 is no class: must be from 0 to 2"),
    "broken classes": ({"frames": COUNTS, "labels": [0.5, 1, 2]}, "labels are float64: must be whole numbers"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_wrong_content_is_one_line(save: Save, case: str) -> None:
    arrays, message = REFUSED[case]
    path = save(**arrays)
    with pytest.raises(InputError) as refusal:
        load_frames(path, shape=(2, 8, 8), classes=3)
    assert str(refusal.value).startswith(f"{path}: ")
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_wrong_files_are_one_line(save: Save, tmp_path: Path) -> None:
    whole = save(frames=COUNTS).read_bytes()
    cut, text, array = tmp_path / "cut.npz", tmp_path / "text.npz", tmp_path / "array.npy"
    cut.write_bytes(whole[: len(whole) // 2])
    text.write_text("frames")
    np.save(array, COUNTS)
    for path, message in {
        tmp_path / "none.npz": "cannot be read (No such file or directory): give an NPZ file",
        tmp_path: "cannot be read (Is a directory)",
        cut: "is truncated or corrupt",
        text: "is no NPZ file: write it with np.savez",
        array: "is no NPZ file",
    }.items():
        with pytest.raises(InputError) as refusal:
            load_frames(path)
        assert str(refusal.value).startswith(f"{path}: {message}")


def test_every_flipped_byte_is_read_or_refused(save: Save, tmp_path: Path) -> None:
    whole = save(frames=COUNTS[:1, :1, :, :2, :2], labels=[1]).read_bytes()
    path = tmp_path / "flipped.npz"
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x40]) + whole[place + 1 :])
        try:
            load_frames(path)
        except InputError as refusal:
            assert str(refusal).startswith(str(path))
