"""Each published format, written small: every pixel and label arrives in the right split."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ctsigprop.data import load
from ctsigprop.errors import InputError

NAMES = ["mnist", "fashion-mnist", "kmnist", "cifar-10", "cifar-100", "svhn"]


@pytest.mark.parametrize("gzipped", [False, True], ids=["plain", "gzipped"])
@pytest.mark.parametrize("name", NAMES)
def test_samples_arrive_in_their_splits(small_set: Callable, tmp_path: Path, name: str, gzipped: bool) -> None:
    small = small_set(name)
    small.write(tmp_path, gzipped=gzipped)
    dataset = load(name, data_dir=tmp_path, download=False)
    assert (dataset.name, dataset.classes, dataset.shape) == (name, small.entry.classes, small.entry.shape)
    assert dataset.features == np.prod(small.entry.shape)
    start = 0
    for split, size in ((dataset.train, 20), (dataset.validation, 10), (dataset.test, 15)):
        assert len(split) == size
        assert (split.images.dtype, split.labels.dtype) == (np.uint8, np.int64)
        np.testing.assert_array_equal(split.images, small.images[start : start + size])
        np.testing.assert_array_equal(split.labels, small.labels[start : start + size])
        start += size


@pytest.mark.parametrize("limit", [1, 7, 20, 1000])
def test_limit_keeps_the_first_training_samples(small_set: Callable, tmp_path: Path, limit: int) -> None:
    small = small_set("mnist")
    small.write(tmp_path)
    dataset = load("mnist", limit=limit, data_dir=tmp_path)
    kept = min(limit, 20)
    np.testing.assert_array_equal(dataset.train.images, small.images[:kept])
    np.testing.assert_array_equal(dataset.train.labels, small.labels[:kept])
    assert (len(dataset.validation), len(dataset.test)) == (10, 15)


@pytest.mark.parametrize("limit", [0, -3])
def test_a_limit_below_one_is_refused(limit: int) -> None:
    with pytest.raises(InputError, match=f"limit: {limit} is no number of training samples; give 1 or more"):
        load("digits", limit=limit)


@pytest.mark.parametrize("limit", [100.0, True, "3", np.float32(2)])
def test_a_limit_is_a_whole_number(limit: Any) -> None:
    with pytest.raises(InputError, match=f"limit: {limit} is no number of training samples; give 1 or more, as a"):
        load("digits", limit=limit)
    assert len(load("digits", limit=np.int32(3)).train) == 3


def test_an_unknown_name_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(InputError, match="unknown dataset 'mnits': choose one of digits, mnist, "):
        load("mnits")


def test_svhn_calls_digit_zero_ten_in_its_files(small_set: Callable, tmp_path: Path) -> None:
    from scipy.io import loadmat

    folder = small_set("svhn").write(tmp_path)
    written = loadmat(folder / "train_32x32.mat")["y"][:20, 0]
    read = load("svhn", data_dir=tmp_path).train.labels
    assert set(read[written == 10]) == {0}
    np.testing.assert_array_equal(read[written != 10], written[written != 10])
