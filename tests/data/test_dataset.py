"""Splits: scaling, shapes, and the arguments that they refuse."""

from __future__ import annotations

import numpy as np
import pytest

from ctsigprop.data import Scaling, Split
from ctsigprop.errors import InputError

LABELS = np.zeros(2, np.int64)
GREY = Split(np.array([[[0, 4], [8, 16]], [[1, 2], [3, 5]]], np.uint8), LABELS, Scaling.dividing(16))
COLOUR = Split(np.arange(2 * 3 * 4 * 5, dtype=np.uint8).reshape(2, 3, 4, 5), LABELS)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, "float32", "float64"])
def test_inputs_are_pixels_over_the_maximum(dtype: object) -> None:
    inputs = GREY.inputs(dtype)
    assert inputs.dtype == dtype
    assert inputs.flags.c_contiguous
    np.testing.assert_array_equal(inputs, np.array([[0, 4, 8, 16], [1, 2, 3, 5]], dtype) / 16)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_colour_inputs_are_flat_and_correctly_rounded(dtype: type) -> None:
    inputs = COLOUR.inputs(dtype)
    assert inputs.shape == (2, 60)
    np.testing.assert_array_equal(inputs.reshape(COLOUR.images.shape), (COLOUR.images / 255).astype(dtype))


def test_an_empty_split_has_no_inputs() -> None:
    empty = Split(GREY.images[:0], GREY.labels[:0], Scaling.dividing(16))
    assert empty.inputs().shape == (0, 4)


def test_inputs_do_not_share_the_pixels() -> None:
    before = GREY.images.copy()
    GREY.inputs()[:] = 7
    np.testing.assert_array_equal(GREY.images, before)


@pytest.mark.parametrize("dtype", [np.float16, np.int64, np.uint8])
def test_other_types_of_input_are_refused(dtype: type) -> None:
    with pytest.raises(InputError, match="float32 or float64"):
        GREY.inputs(dtype)


def test_channels_come_first() -> None:
    assert GREY.channels_first().shape == (2, 1, 2, 2)
    assert COLOUR.channels_first().shape == (2, 3, 4, 5)
    assert GREY.channels_first().dtype == np.uint8
