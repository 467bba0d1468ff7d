"""The real files: checksums, and facts that are known of them from elsewhere."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ctsigprop.data import CATALOG, Dataset, load
from ctsigprop.data.files import is_there, path_of
from ctsigprop.data.integrity import check_published

DATA = os.environ.get("CTSIGPROP_DATA")


def published(name: str) -> Dataset:
    entry = CATALOG[name]
    if not DATA or not all(is_there(Path(DATA) / name, file.path) for file in entry.files):
        pytest.skip(f"the files of {name} are not in $CTSIGPROP_DATA/{name} (CTSIGPROP_DATA is {DATA})")
    return load(name, data_dir=DATA, download=False)


def label_counts(dataset: Dataset) -> tuple[list[int], list[int]]:
    training = np.concatenate([dataset.train.labels, dataset.validation.labels])
    return np.bincount(training).tolist(), np.bincount(dataset.test.labels).tolist()


def mean_and_deviation(dataset: Dataset) -> tuple[float, float]:
    counts = sum(np.bincount(split.images.ravel(), minlength=256) for split in (dataset.train, dataset.validation))
    values = np.arange(256) / 255
    mean = np.average(values, weights=counts)
    return float(mean), float(np.sqrt(np.average((values - mean) ** 2, weights=counts)))


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "kmnist", "cifar-10", "cifar-100", "svhn"])
def test_checksums(name: str) -> None:
    published(name)
    for file in CATALOG[name].files:
        check_published(path_of(Path(str(DATA)) / name, file.path), file)


def test_mnist() -> None:
    mnist = published("mnist")
    assert [len(split) for split in (mnist.train, mnist.validation, mnist.test)] == [50_000, 10_000, 10_000]
    assert label_counts(mnist) == (
        [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
        [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009],
    )
    assert mean_and_deviation(mnist) == pytest.approx((0.1307, 0.3081), abs=5e-5)
    assert mnist.train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert mnist.test.labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]


def test_fashion_mnist() -> None:
    fashion = published("fashion-mnist")
    assert label_counts(fashion) == ([6000] * 10, [1000] * 10)
    assert mean_and_deviation(fashion) == pytest.approx((0.2860, 0.3530), abs=5e-5)
    assert fashion.train.labels[:3].tolist() == [9, 0, 0]


def test_cifar_10() -> None:
    cifar = published("cifar-10")
    assert label_counts(cifar) == ([5000] * 10, [1000] * 10)
    pixels = np.concatenate([cifar.train.images, cifar.validation.images])
    assert pixels.mean((0, 2, 3)) / 255 == pytest.approx([0.4914, 0.4822, 0.4465], abs=5e-5)
    assert cifar.train.labels[:5].tolist() == [6, 9, 9, 4, 1]


def test_digits_are_stratified() -> None:
    digits = load("digits")
    assert np.bincount(digits.train.labels).tolist() == [118, 122, 117, 123, 121, 122, 121, 119, 114, 120]
    assert np.bincount(digits.validation.labels).tolist() == [30] * 10
    assert np.bincount(digits.test.labels).tolist() == [30] * 10
    assert digits.train.images.max() == digits.train.maximum == 16
    assert digits.train.inputs().max() == 1.0
    assert (digits.features, digits.classes) == (64, 10)


def test_digits_are_those_of_scikit_learn_in_the_documented_order() -> None:
    source = pytest.importorskip("sklearn.datasets", reason="scikit-learn, the source of digits, is not here")
    images = source.load_digits().images.astype(np.uint8)
    labels = source.load_digits().target
    seen = dict.fromkeys(range(10), 0)
    expected: dict[str, list[int]] = {"train": [], "validation": [], "test": []}
    for sample in sorted(range(1797), key=lambda sample: hashlib.sha256(images[sample].tobytes()).digest()):
        rank = seen[labels[sample]]
        seen[labels[sample]] += 1
        expected["test" if rank < 30 else "validation" if rank < 60 else "train"].append(sample)
    digits = load("digits")
    for name, samples in expected.items():
        split = getattr(digits, name)
        np.testing.assert_array_equal(split.images, images[samples])
        np.testing.assert_array_equal(split.labels, labels[samples])


def test_nothing_heavy_is_imported_to_load_digits() -> None:
    program = (
        "import sys, ctsigprop.experiments.cli.data, ctsigprop.data as d; d.load('digits');"
        "print([m for m in ('torch', 'scipy', 'pooch', 'requests', 'numba') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
