"""Batches: what they hold, in which order, and that any process sees the same."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from ctsigprop.data import Split, load
from ctsigprop.data.augment import PADDING, augmented
from ctsigprop.errors import InputError
from ctsigprop.layered.batches import Batches, Standard
from ctsigprop.settings.discrete import DiscreteTrainingSettings


def numbered(count: int) -> Split:
    """Images of one pixel that, as their labels, are their own numbers."""
    numbers = np.arange(count)
    return Split(numbers.astype(np.uint8).reshape(count, 1, 1), numbers)


def batches_of(split: Split, **settings: Any) -> Batches:
    return Batches(split, Standard.of(split.channels_first()), DiscreteTrainingSettings(**settings))


def coloured(count: int = 50, side: int = 6, channels: int = 3) -> np.ndarray:
    rng = np.random.default_rng(5)
    return rng.integers(1, 256, (count, channels, side, side), dtype=np.uint8)


def test_every_channel_of_the_training_set_has_mean_0_and_deviation_1() -> None:
    images = coloured(2300)
    images[:, 1] //= 3
    inputs = Standard.of(images).inputs(images)
    assert inputs.dtype == torch.float32
    assert inputs.shape == images.shape
    assert_allclose(inputs.double().mean(dim=(0, 2, 3)), 0, atol=1e-6)
    assert_allclose(inputs.double().std(dim=(0, 2, 3), correction=0), 1, rtol=1e-6)


def test_a_constant_channel_becomes_zero() -> None:
    images = np.full((4, 1, 2, 2), 17, np.uint8)
    assert_array_equal(Standard.of(images).inputs(images), 0)


def test_grey_images_have_one_channel() -> None:
    data = load("digits")
    inputs, labels = next(batches_of(data.train, batch_size=32).of_epoch(1))
    assert inputs.shape == (32, 1, 8, 8)
    assert labels.dtype == torch.int64


@pytest.mark.parametrize("channels_last", [False, True])
def test_memory_layout(channels_last: bool) -> None:
    images = coloured()
    inputs = Standard.of(images, channels_last=channels_last).inputs(images)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    assert inputs.is_contiguous(memory_format=layout)
    assert torch.equal(inputs, Standard.of(images).inputs(images))


@given(count=st.integers(2, 60), size=st.integers(2, 20), epoch=st.integers(1, 5), seed=st.integers(0, 2**40))
def test_an_epoch_sees_every_sample_once_but_for_a_single_one_left_over(
    count: int, size: int, epoch: int, seed: int
) -> None:
    batches = batches_of(numbered(count), batch_size=size, seed=seed)
    seen = [labels for _, labels in batches.of_epoch(epoch)]
    sizes = [len(labels) for labels in seen]
    numbers = torch.cat(seen).tolist()
    assert len(set(numbers)) == len(numbers) == batches.samples == (count - 1 if count % size == 1 else count)
    assert len(seen) == len(batches)
    assert set(sizes[:-1]) <= {size}
    assert 2 <= sizes[-1] <= size


def test_inputs_and_labels_belong_together() -> None:
    split = numbered(40)
    batches = batches_of(split, batch_size=7)
    for inputs, labels in batches.of_epoch(3):
        pixels = inputs.ravel() * batches.standard.deviation.ravel() + batches.standard.mean.ravel()
        assert_allclose(pixels, labels, atol=1e-4)


@pytest.mark.parametrize("augment", ["none", "crop", "crop-flip"])
def test_seed_and_epoch_decide_and_an_epoch_may_begin_anywhere(augment: str) -> None:
    split = Split(coloured(), np.arange(50))

    def epoch(number: int, first: int = 0, seed: int = 3) -> list[tuple[bytes, list[int]]]:
        batches = batches_of(split, batch_size=12, augment=augment, seed=seed)
        return [(x.numpy().tobytes(), labels.tolist()) for x, labels in batches.of_epoch(number, first)]

    whole = epoch(2)
    assert len(whole) == 5
    assert whole == epoch(2)
    assert [epoch(2, first) for first in range(6)] == [whole[first:] for first in range(6)]
    assert whole != epoch(1)
    assert whole != epoch(2, seed=4)


def reference(image: np.ndarray, top: int, left: int, mirrored: bool) -> np.ndarray:
    """One crop, pixel by pixel."""
    _, height, width = image.shape
    crop = np.zeros_like(image)
    for row, column in np.ndindex(height, width):
        y, x = row + top - PADDING, column + left - PADDING
        if 0 <= y < height and 0 <= x < width:
            crop[:, row, column] = image[:, y, x]
    return crop[:, :, ::-1] if mirrored else crop


@pytest.mark.parametrize("augment", ["crop", "crop-flip"])
def test_crops_are_those_of_a_loop_over_pixels(augment: Any) -> None:
    images = coloured(20)
    crops = augmented(images, augment, np.random.default_rng(9))
    rng = np.random.default_rng(9)
    top, left = rng.integers(9, size=(2, 20))
    mirrored = rng.random(20) < 0.5 if augment == "crop-flip" else np.zeros(20, bool)
    for crop, *arguments in zip(crops, images, top, left, mirrored, strict=True):
        assert_array_equal(crop, reference(*arguments))


def test_all_crops_and_both_sides_are_as_likely() -> None:
    image = np.zeros((1, 9, 9), np.uint8)
    image[0, 4, 4] = 1  # stays within every crop
    image[0, 4, 5] = 2
    crops = augmented(np.repeat(image[np.newaxis], 20_000, axis=0), "crop-flip", np.random.default_rng(0))
    _, _, rows, columns = np.nonzero(crops == 1)
    assert_allclose(np.bincount(rows, minlength=9) / 20_000, 1 / 9, atol=0.01)
    assert_allclose(np.bincount(columns, minlength=9) / 20_000, 1 / 9, atol=0.01)
    beyond = np.nonzero(crops == 2)
    mirrored = beyond[3] < columns[beyond[0]]
    assert mirrored.mean() == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("augment", ["none", "crop", "crop-flip"])
@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_all_frames_of_a_recording_are_cropped_and_mirrored_alike(augment: Any, kind: type) -> None:
    recordings = coloured(20, channels=6).reshape(20, 3, 2, 6, 6).astype(kind)
    crops = augmented(recordings, augment, np.random.default_rng(9))
    assert (crops.shape, crops.dtype) == (recordings.shape, recordings.dtype)
    for step in range(3):
        assert_array_equal(crops[:, step], augmented(recordings[:, step], augment, np.random.default_rng(9)))


@pytest.mark.parametrize("channels_last", [False, True])
def test_frames_are_put_in_form_as_so_many_images(channels_last: bool) -> None:
    images = coloured(24)
    recordings = images.reshape(6, 4, 3, 6, 6)
    for standard in (
        Standard.of(images, channels_last=channels_last),
        Standard.dividing(7, channels_last=channels_last),
    ):
        inputs = standard.inputs(recordings)
        assert inputs.shape == recordings.shape
        assert inputs[1].is_contiguous(memory_format=standard.memory_format)
        assert torch.equal(inputs.flatten(0, 1), standard.inputs(images))
    assert_allclose(standard.inputs(images), images / 7, rtol=1e-6)


def test_images_stay_as_they_were() -> None:
    images = coloured()
    images.flags.writeable = False
    before = images.copy()
    for augment in ("none", "crop", "crop-flip"):
        Standard.of(images).inputs(augmented(images, augment, np.random.default_rng(1))).add_(1)
    assert_array_equal(images, before)


def test_a_single_sample_is_refused() -> None:
    with pytest.raises(InputError, match=r"data\.limit = 1: must be at least 2"):
        batches_of(numbered(1))
