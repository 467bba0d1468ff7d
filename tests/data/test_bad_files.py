"""Files that are missing, damaged or not what they say: one line with file, finding and remedy."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from ctsigprop.data import files, load, locate
from ctsigprop.data.files import MalformedFile
from ctsigprop.errors import InputError
from ctsigprop.experiments.cli.data import fetch

TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"


def complaint(name: str, root: Path) -> str:
    """The error that loading raises: one line, and nothing was written."""
    before = sorted(root.rglob("*"))
    with pytest.raises(InputError) as caught:
        load(name, data_dir=root, download=False)
    assert sorted(root.rglob("*")) == before
    assert caught.value.exit_status == 2
    assert "\n" not in str(caught.value)
    assert f"`ctsigprop data fetch {name}`" in str(caught.value)
    return str(caught.value)


def flip(content: bytes, at: int, value: int) -> bytes:
    return content[:at] + bytes([value]) + content[at + 1 :]


@pytest.mark.parametrize(
    ("file", "change", "expected", "found"),
    [
        (TRAIN_IMAGES, lambda b: b"", "IDX images (magic number 2051)", "a file of 0 bytes"),
        (TRAIN_IMAGES, lambda b: b[:10], "an IDX header of 16 bytes", "10 bytes"),
        (TRAIN_IMAGES, lambda b: b[:-1], "23536 bytes for 30x28x28 values", "23535 bytes"),
        (TRAIN_IMAGES, lambda b: b + b"x", "23536 bytes for 30x28x28 values", "23537 bytes"),
        (
            TRAIN_IMAGES,
            lambda b: b"<!DOCTYPE html>",
            "IDX images (magic number 2051)",
            "magic number 1008813135",
        ),
        (
            TRAIN_IMAGES,
            lambda b: b[:7] + b"\x01" + b[8 : 16 + 784],
            "30 images of 28x28",
            "1 images of 28x28",
        ),
        (
            TRAIN_IMAGES,
            lambda b: flip(flip(b, 11, 14), 15, 56),
            "30 images of 28x28",
            "30 images of 14x56",
        ),
        (TRAIN_LABELS, lambda b: flip(b[:-1], 7, 29), "30 labels", "29 labels"),
        (TRAIN_LABELS, lambda b: flip(b, 12, 10), "labels 0 to 9", "label 10 at sample 4"),
        (TEST_LABELS, lambda b: flip(b, -1 + len(b), 255), "labels 0 to 9", "label 255 at sample 14"),
        (TEST_LABELS, lambda b: flip(b, 2, 13), "IDX labels (magic number 2049)", "magic number 3329"),
    ],
    ids=[
        "empty",
        "no sizes",
        "cut short",
        "trailing byte",
        "web page",
        "too few images",
        "other image shape",
        "too few labels",
        "label out of range",
        "last label out of range",
        "float values",
    ],
)
@pytest.mark.parametrize("gzipped", [False, True], ids=["plain", "gzipped"])
def test_a_wrong_idx_file(
    small_set: Callable,
    tmp_path: Path,
    gzipped: bool,
    file: str,
    change: Callable[[bytes], bytes],
    expected: str,
    found: str,
) -> None:
    small = small_set("mnist")
    content = change(small.contents[file])
    folder = small.write(tmp_path, gzipped=gzipped, **{file.replace("-", "_"): content})
    path = folder / (file + ".gz" * gzipped)
    assert complaint("mnist", tmp_path).startswith(f"{path}: expected {expected}, found {found}")


@pytest.mark.parametrize("part", ["train", "t10k"])
def test_swapped_image_and_label_files(small_set: Callable, tmp_path: Path, part: str) -> None:
    folder = small_set("mnist").write(tmp_path)
    images, labels = folder / f"{part}-images-idx3-ubyte", folder / f"{part}-labels-idx1-ubyte"
    kept = images.read_bytes()
    images.write_bytes(labels.read_bytes())
    labels.write_bytes(kept)
    text = complaint("mnist", tmp_path)
    assert f"{images}: expected IDX images" in text
    assert "are the image and the label file swapped?" in text


def test_swapped_training_and_test_files(small_set: Callable, tmp_path: Path) -> None:
    small = small_set("fashion-mnist")
    small.write(tmp_path, train_images_idx3_ubyte=small.contents[TEST_IMAGES])
    assert "expected 30 images of 28x28, found 15 images" in complaint("fashion-mnist", tmp_path)


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (lambda packed: packed[:-30], "expected a whole gzip stream, found one cut short after"),
        (lambda packed: packed[:5], "expected a whole gzip stream, found one cut short after 5 bytes"),
        (lambda packed: packed + b"more", "expected a gzip stream, found a damaged one"),
        (lambda packed: flip(packed, len(packed) - 6, 1), "expected a gzip stream, found a damaged one"),
        (lambda packed: packed[:200] + bytes(200) + packed[400:], "expected a gzip stream, found a damaged"),
    ],
    ids=["cut short", "header only", "trailing bytes", "wrong check value", "overwritten"],
)
def test_a_damaged_gzip_stream(
    small_set: Callable, tmp_path: Path, damage: Callable[[bytes], bytes], found: str
) -> None:
    path = small_set("kmnist").write(tmp_path, gzipped=True) / f"{TRAIN_IMAGES}.gz"
    path.write_bytes(damage(path.read_bytes()))
    assert complaint("kmnist", tmp_path).startswith(f"{path}: {found}")


@pytest.mark.parametrize(
    ("name", "stem", "change", "message"),
    [
        ("cifar-10", "data_batch_3", lambda b: b[:-1], "6 records of 3073 bytes (18438 bytes), found 18437"),
        ("cifar-10", "test_batch", lambda b: b[3073:], "15 records of 3073 bytes (46095 bytes), found 43022"),
        (
            "cifar-10",
            "data_batch_5",
            lambda b: flip(b, 3073, 10),
            "labels 0 to 9, found label 10 at sample 1",
        ),
        ("cifar-100", "train", lambda b: b + b"x", "30 records of 3074 bytes (92220 bytes), found 92221"),
        ("cifar-100", "test", lambda b: flip(b, 1, 100), "labels 0 to 99, found label 100 at sample 0"),
    ],
)
def test_a_wrong_cifar_file(
    small_set: Callable, tmp_path: Path, name: str, stem: str, change: Callable, message: str
) -> None:
    small = small_set(name)
    (path,) = [path for path in small.contents if Path(path).stem == stem]
    folder = small.write(tmp_path, **{stem: change(small.contents[path])})
    assert f"{folder / path}: expected {message}" in complaint(name, tmp_path)


def matlab(**changes: object) -> dict[str, object]:
    return {"X": np.zeros((32, 32, 3, 30), np.uint8), "y": np.ones((30, 1), np.uint8)} | changes


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        (matlab(X=np.zeros((32, 32, 3, 29), np.uint8)), "X of uint8 32x32x3x30, found X of uint8 32x32x3x29"),
        (matlab(X=np.zeros((32, 32, 3, 30))), "X of uint8 32x32x3x30, found X of float64 32x32x3x30"),
        (matlab(y=np.ones((29, 1), np.uint8)), "y of uint8 30x1, found y of uint8 29x1"),
        (matlab(y=np.full((30, 1), 11, np.uint8)), "labels 1 to 10, found label 11 at sample 0"),
        (matlab(y=np.zeros((30, 1), np.uint8)), "labels 1 to 10, found label 0 at sample 0"),
        ({"X": matlab()["X"]}, "y of uint8 30x1, found no y"),
    ],
    ids=["too few images", "pixels not uint8", "too few labels", "label 11", "label 0", "no labels"],
)
def test_a_wrong_svhn_file(small_set: Callable, tmp_path: Path, variables: dict[str, object], message: str) -> None:
    path = small_set("svhn").write(tmp_path) / "train_32x32.mat"
    savemat(path, variables)
    assert f"{path}: expected {message}" in complaint("svhn", tmp_path)


@pytest.mark.parametrize("kept", [0, 100, 300, 20_000])
def test_a_cut_svhn_file(small_set: Callable, tmp_path: Path, kept: int) -> None:
    path = small_set("svhn").write(tmp_path) / "test_32x32.mat"
    path.write_bytes(path.read_bytes()[:kept])
    assert complaint("svhn", tmp_path).startswith(f"{path}: expected ")


def test_a_file_that_is_missing_from_its_folder(small_set: Callable, tmp_path: Path) -> None:
    folder = small_set("mnist").write(tmp_path)
    (folder / TEST_LABELS).unlink()
    text = complaint("mnist", tmp_path)
    assert text.startswith(f"{folder}: expected the files of mnist, found no {TEST_LABELS} (or .gz) there;")
    assert text.endswith("or remove the folder")


def test_a_dataset_that_is_nowhere(small_set: Callable, tmp_path: Path) -> None:
    small_set("cifar-10")
    text = complaint("cifar-10", tmp_path / "mine")
    for folder in ("mine", "cache", "system"):
        assert str(tmp_path / folder / "cifar-10") in text
    assert "set $CTSIGPROP_DATA" in text


def test_a_folder_where_a_file_should_be(small_set: Callable, tmp_path: Path) -> None:
    folder = small_set("mnist").write(tmp_path)
    (folder / TRAIN_LABELS).unlink()
    (folder / TRAIN_LABELS).mkdir()
    assert f"found no {TRAIN_LABELS}" in complaint("mnist", tmp_path)


@pytest.mark.parametrize("command", [load, fetch])
def test_a_package_without_its_digits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Callable[[str], object]
) -> None:
    monkeypatch.setattr(locate, "PACKAGE_ROOT", tmp_path)
    with pytest.raises(InputError, match=r"digits: expected the files .*; install ctsigprop again$"):
        command("digits")


def test_a_gzip_stream_without_its_name_is_read(small_set: Callable, tmp_path: Path) -> None:
    small = small_set("mnist")
    small.write(tmp_path, train_images_idx3_ubyte=gzip.compress(small.contents[TRAIN_IMAGES]))
    np.testing.assert_array_equal(load("mnist", data_dir=tmp_path).train.images, small.images[:20])


def test_a_gzip_stream_that_unpacks_to_more_than_any_dataset_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MOST_BYTES", 1 << 21)
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(bytes(1 << 23)))
    with pytest.raises(MalformedFile, match="expected at most 2,097,152 bytes, found a gzip stream of more"):
        files.read(tmp_path / "bomb.gz")
