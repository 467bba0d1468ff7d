"""Data of one's own: arrays and NPZ files, how they are split and scaled, and what is refused."""

import io
import json
import os
import re
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal

from ctsigprop.core import npz
from ctsigprop.data import Dataset, Scaling, load
from ctsigprop.errors import InputError

X = np.arange(120.0).reshape(20, 2, 3)
Y = np.arange(20) % 4
PAIR = (X[:5], Y[:5])


def own(x: Any = X, y: Any = Y, **given: Any) -> Dataset:
    return Dataset.from_arrays(x, y, **given)


def whole(x: Any = X, y: Any = Y, **given: Any) -> Dataset:
    """All parts given, none in another order."""
    return own(x, y, **{"validation": (x[:5], y[:5]), "test": (x[:4], y[:4])} | given)


def test_a_classification() -> None:
    data = whole(name="mine")
    assert (data.name, data.task, data.classes, data.outputs) == ("mine", "classification", 4, 4)
    assert (data.shape, data.features) == ((2, 3), 6)
    assert [len(part) for part in data.parts.values()] == [20, 5, 4]
    assert_array_equal(data.train.labels, Y)
    assert data.train.labels.dtype == np.int64
    assert np.shares_memory(data.train.images, X)


@pytest.mark.parametrize("columns", [1, 3])
def test_a_regression(columns: int) -> None:
    targets = np.linspace(-2, 2, 20 * columns).reshape(20, columns)
    data = whole(y=targets)
    assert (data.task, data.classes, data.outputs) == ("regression", 0, columns)
    assert_array_equal(data.train.targets, targets.astype(np.float32))
    assert_array_equal(data.train.targets, whole(y=targets if columns > 1 else targets[:, 0]).train.targets)
    with pytest.raises(InputError, match="are floats, and the discrete family learns classes alone"):
        data.require_classes("discrete")


@pytest.mark.parametrize("dtype", ["u1", "i2", ">i4", "u8", "f2", ">f4", "f8", "g"])
def test_any_type_of_number(dtype: str) -> None:
    x = X[:, ::-1].astype(dtype)
    assert_allclose(whole(x).train.inputs(), X[:, ::-1].reshape(20, 6) / 119, rtol=1e-6)


def test_lists_and_truth_values() -> None:
    data = own([[True, False], [False, True], [True, True]] * 4, [0, 1, 1] * 4)
    assert data.train.images.dtype == np.uint8
    assert set(data.train.inputs().ravel()) == {0, 1}


def test_the_parts_that_are_not_given_are_split_off_as_the_seed_says() -> None:
    order = np.random.default_rng(3).permutation(20)
    data = own(seed=3)
    for part, rows in zip(data.parts.values(), (order[:16], order[16:18], order[18:]), strict=True):
        assert_array_equal(part.images, X[rows])
        assert_array_equal(part.labels, Y[rows])
    assert [len(part) for part in own(test=PAIR, split=(3, 1, 9)).parts.values()] == [15, 5, 5]
    assert_array_equal(own(test=PAIR).test.images, X[:5])
    assert_array_equal(own(seed=3, limit=7).train.images, X[order[:7]])


@given(st.integers(3, 200), st.tuples(*[st.floats(0.01, 10)] * 3), st.integers(0, 2**40))
def test_a_split_holds_every_sample_once(samples: int, split: tuple[float, ...], seed: int) -> None:
    x = np.arange(samples)[:, np.newaxis]
    try:
        data = own(x, x[:, 0] % 2, split=split, seed=seed)
    except InputError as error:
        assert "none is left to train on" in str(error)
        assert split[0] / sum(split) < 1.5 / samples + 1e-9 or samples < 6
        return
    assert sorted(np.concatenate([part.images[:, 0] for part in data.parts.values()])) == list(range(samples))
    assert all(len(part) for part in data.parts.values())


SCALED = [
    (np.array([[0, 16], [4, 8]], np.uint8), "auto", [[0, 1], [0.25, 0.5]]),
    (np.array([[0, 1000], [250, 500]]), "auto", [[0, 1], [0.25, 0.5]]),
    (np.array([[-1, 3], [0, 1]]), "auto", [[0, 1], [0.25, 0.5]]),
    (np.array([[0.1, 0.9], [0.2, 0.3]]), "auto", [[0.1, 0.9], [0.2, 0.3]]),
    (np.array([[-10.0, 30.0], [0.0, 10.0]]), "auto", [[0, 1], [0.25, 0.5]]),
    (np.array([[7.0, 7.0], [7.0, 7.0]]), "auto", [[0, 0], [0, 0]]),
    (np.array([[0, 0], [0, 0]]), "auto", [[0, 0], [0, 0]]),
    (np.array([[0, 16], [4, 8]], np.uint8), "none", [[0, 16], [4, 8]]),
    (np.array([[1, 5.0], [3, 5.0]]), "standard", [[-1, 0], [1, 0]]),
    (np.array([[1e9, 5.0], [1e9 + 2, 5.0]]), "standard", [[-1, 0], [1, 0]]),
]


@pytest.mark.parametrize(("x", "scaling", "expected"), SCALED)
def test_scaling(x: Any, scaling: Any, expected: list[list[float]]) -> None:
    given = {"validation": (x + np.array(4, x.dtype), [0, 1]), "test": (x, [0, 1])}
    data = own(x, [0, 1], scaling=scaling, **given)
    assert_array_equal(data.train.inputs(), np.array(expected, np.float32))
    assert_array_equal(data.test.inputs(), data.train.inputs())
    assert data.validation.scaling == data.scaling
    rise = data.validation.inputs(np.float64) - data.train.inputs(np.float64)
    assert_allclose(rise, np.broadcast_to(4 / np.array(data.scaling.scale), x.shape), rtol=1e-6)


def test_the_scaling_is_of_the_samples_that_are_trained_on() -> None:
    assert whole(limit=10).scaling == Scaling(offset=(0.0,), scale=(59.0,))
    assert whole(scaling=Scaling.dividing(7)).scaling.scale == (7.0,)


def test_standard_scaling_of_many_samples() -> None:
    x = np.random.default_rng(0).normal(3, 5, (3000, 2, 2)).astype(np.float32)
    inputs = whole(x, np.arange(3000) % 2, scaling="standard").train.inputs()
    assert_allclose(inputs.mean(axis=0, dtype=float), 0, atol=1e-6)
    assert_allclose(inputs.std(axis=0, dtype=float), 1, rtol=1e-6)


@given(
    hnp.arrays(
        st.sampled_from([np.float32, np.float64, np.int32]),
        hnp.array_shapes(min_dims=2, max_dims=3, min_side=2, max_side=5),
        elements=st.integers(-(10**6), 10**6),
    ),
    st.sampled_from(["auto", "none", "standard"]),
)
def test_a_scaling_survives_json_exactly(x: Any, name: Any) -> None:
    scaling = Scaling.of(x / np.array(3, x.dtype), name)
    assert Scaling.from_json(json.loads(json.dumps(scaling.to_json()))) == scaling
    assert np.isfinite(scaling.apply(x)).all()


def test_a_known_dataset_is_scaled_by_its_maximum() -> None:
    digits = load("digits", limit=5)
    assert digits.scaling == Scaling.dividing(16)
    for dtype in (np.float32, np.float64):
        assert digits.train.inputs(dtype).tobytes() == (digits.train.images.reshape(5, 64).astype(dtype) / 16).tobytes()


def test_pixels_are_divided_to_the_bit_in_float32() -> None:
    pixels = np.arange(256, dtype=np.uint8)[:, np.newaxis]
    for maximum in range(1, 256):
        divided = pixels.astype(np.float32)
        divided /= maximum
        assert Scaling.dividing(maximum).apply(pixels).tobytes() == divided.tobytes()


CHANNELS = [((7,), (7, 1, 1)), ((4, 5), (1, 4, 5)), ((2, 4, 5), (2, 4, 5))]


@pytest.mark.parametrize(("shape", "planes"), CHANNELS)
@pytest.mark.parametrize("scaling", ["auto", "none", "standard"])
def test_channels_come_first_and_over_their_maximum_are_inputs(shape: Any, planes: Any, scaling: Any) -> None:
    x = np.random.default_rng(0).normal(size=(20, *shape))
    data = whole(x, scaling=scaling)
    assert data.planes == planes
    images = data.train.channels_first()
    assert images.shape == (20, *planes)
    assert_allclose((images / data.train.maximum).reshape(20, -1), data.train.inputs(), rtol=1e-6)


def test_a_sample_that_is_no_image_has_no_channels() -> None:
    with pytest.raises(InputError, match="a sample is 2 x 3 x 4 x 5: must be"):
        _ = whole(np.zeros((20, 2, 3, 4, 5))).planes


@pytest.mark.parametrize(
    ("shape", "picture"), [((7,), (1, 7, 1)), ((4, 5), (4, 5, 1)), ((3, 4, 5), (4, 5, 3)), ((2, 2, 4, 5), (4, 5, 1))]
)
def test_a_picture_is_within_0_and_1(shape: Any, picture: Any) -> None:
    x = np.random.default_rng(0).normal(size=(20, *shape))
    shown = whole(x, scaling="standard").train.picture(3)
    assert shown.shape == picture
    assert shown.min() >= 0 and shown.max() <= 1


def test_a_picture_of_known_images_is_their_pixels() -> None:
    digits = load("digits", limit=5)
    assert_array_equal(digits.train.picture(2)[:, :, 0], digits.train.images[2] / 16)


def test_the_fingerprint_is_of_every_array() -> None:
    changed = [
        whole(),
        whole(X + 1),
        whole(X.astype(np.float32)),
        whole(X.reshape(20, 6)),
        whole(y=Y[::-1]),
        whole(test=PAIR),
        whole(validation=(X[5:10], Y[5:10])),
        whole(limit=19),
        own(),
        own(seed=1),
    ]
    assert len({data.fingerprint for data in changed}) == len(changed)
    assert re.fullmatch("[0-9a-f]{64}", whole().fingerprint)
    assert whole(np.asfortranarray(X)).fingerprint == whole(X.copy(), name="x", scaling="none").fingerprint
    assert whole(X.astype(">f8")).fingerprint == whole().fingerprint


NAN = np.where(X == 7, np.nan, X)
WRONG: dict[str, Callable[[], Dataset]] = {
    "train: x holds 20 samples and y 19: must be as many": partial(own, y=Y[:19]),
    "x of train holds NaN or infinity: must be finite": partial(own, NAN),
    "x of train holds 1e+40, beyond float32": partial(own, X * 1e40 / 119),
    "x of test holds NaN": partial(own, test=(NAN, Y)),
    "y of train holds NaN": partial(own, y=np.full(20, np.nan)),
    "x of train is of type object: must be real or whole numbers": partial(own, np.array([None] * 20)),
    "x of train is of type complex128": partial(own, X * 1j),
    "y of train is of type <U1": partial(own, y=np.array(["a"] * 20)),
    "x of train: is no array": partial(own, [[1], [1, 2]]),
    "x of train has shape (20,): must be (samples, features)": partial(own, X[:, 0, 0]),
    "x of train has shape (0, 2, 3): must hold at least one": partial(own, X[:0], Y[:0]),
    "x of train has shape (20, 0)": partial(own, X[:, :0, 0]),
    "x of validation has shape (0, 2, 3)": partial(own, validation=(X[:0], Y[:0])),
    "x of test has samples of shape (3,): must be (2, 3), as x of train": partial(own, test=(X[:, 0], Y)),
    "y of test are targets, y of train labels": partial(own, test=(X, Y / 2)),
    "y of test has 2 targets a sample: must be 1": partial(own, y=Y / 2, test=(X, X[:, 0, :2])),
    "y of train has shape (20, 1): labels must be (samples,)": partial(own, y=Y[:, np.newaxis]),
    "y of train has shape (20, 2, 3): targets must be": partial(own, y=X),
    "y of train has shape (20, 0): targets must be": partial(own, y=X[:, 0, :0]),
    "y of train holds -1: labels must be 0 or more": partial(own, y=Y - 1),
    "y: the smallest label is 1: must be 0": partial(own, y=Y + 1),
    "y: all labels are 0: must be at least two classes": partial(own, y=Y * 0),
    "y: holds 4 different labels, the largest 30: too many lack": partial(own, y=Y * 10),
    "x holds 2 samples: none is left to train on without those of validation and test": partial(own, X[:2], Y[:2]),
    "split = (1, 0, 1): must be three shares greater than 0": partial(own, split=(1, 0, 1)),
    "split = (1, 1): must be": partial(own, split=(1, 1)),
    "seed = -1: must be a whole number": partial(own, seed=-1),
    "limit: 0 is no number": partial(own, limit=0),
    "scaling = 'minmax': must be one of auto, none, standard": partial(own, scaling="minmax"),
    "scaling: is of 2 features, and the inputs have 6": partial(own, scaling=Scaling((0.0, 0.0), (1.0, 1.0))),
}


@pytest.mark.parametrize("message", WRONG)
def test_what_is_refused(message: str) -> None:
    with pytest.raises(InputError) as refusal:
        WRONG[message]()
    assert str(refusal.value).startswith(message)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(("offset", "scale"), [((), ()), ((0.0,), (0.0,)), ((0.0, 1.0), (1.0,)), ((np.nan,), (1.0,))])
def test_a_scaling_that_is_none_is_refused(offset: Any, scale: Any) -> None:
    with pytest.raises(InputError, match="scaling: must be as many finite offsets as scales"):
        Scaling(offset, scale)


def save(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize("pack", [np.savez, np.savez_compressed])
def test_a_file(tmp_path: Path, pack: Any) -> None:
    path = tmp_path / "mine.npz"
    pack(path, x_train=X, y_train=Y, x_test=X[:4], y_test=Y[:4], x_validation=X[:5], y_validation=Y[:5])
    data = Dataset.from_file(path)
    assert (data.name, data.file) == ("mine", str(path))
    assert data.fingerprint == whole().fingerprint
    pack(path, x=X, y=Y)
    assert Dataset.from_file(str(path), seed=4, limit=3).fingerprint == own(seed=4, limit=3).fingerprint
    pack(path, x=X, y=Y, x_test=X[:5], y_test=Y[:5])
    assert Dataset.from_file(path).fingerprint == own(test=PAIR).fingerprint


FILES: dict[str, dict[str, Any]] = {
    "has no array y_train; it holds x_train": {"x_train": X},
    "has no array x; it holds nothing": {},
    "has no array y_test; it holds x, x_test, y": {"x": X, "y": Y, "x_test": X},
    "X_test is none of x, y, x_validation": {"x": X, "y": Y, "X_test": X},
    "x is none of x_train, y_train, x_validation": {"x_train": X, "y_train": Y, "x": X},
    "x holds Python objects: save it as np.savez": {"x": np.array([None]), "y": Y},
    "y of train holds -1": {"x": X, "y": Y - 1},
}


@pytest.mark.parametrize("message", FILES)
def test_a_file_that_is_refused(tmp_path: Path, message: str) -> None:
    path = save(tmp_path / "mine.npz", **FILES[message])
    with pytest.raises(InputError) as refusal:
        Dataset.from_file(path)
    assert str(refusal.value).startswith(f"{path}: {message}")


@pytest.mark.parametrize("kept", [0, 10, 300, 1000])
def test_a_truncated_file(tmp_path: Path, kept: int) -> None:
    path = save(tmp_path / "mine.npz", x=X, y=Y)
    path.write_bytes(path.read_bytes()[:kept])
    reason = "is truncated or corrupt" if kept else "is no NPZ file"
    with pytest.raises(InputError, match=rf"mine\.npz: {reason}: save it as"):
        Dataset.from_file(path)


def test_a_damaged_file(tmp_path: Path) -> None:
    path = save(tmp_path / "mine.npz", x=X, y=Y)
    content = path.read_bytes()
    for place in range(0, len(content), 37):
        path.write_bytes(content[:place] + bytes([content[place] ^ 255]) + content[place + 1 :])
        try:
            data = Dataset.from_file(path)
        except InputError as error:
            assert str(error).startswith(str(path)) and "\n" not in str(error)
        else:
            assert data.fingerprint == own().fingerprint  # the byte was one that nothing reads


def test_an_array_that_says_it_is_larger_than_it_is(tmp_path: Path) -> None:
    path, stream = tmp_path / "mine.npz", io.BytesIO()
    np.save(stream, X)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", stream.getvalue().replace(b"(20, 2, 3), }", b"(99999999,),}"))
        archive.writestr("y.npy", stream.getvalue())
    with pytest.raises(InputError, match="is truncated or corrupt"):
        Dataset.from_file(path)


def test_a_pipe_is_not_waited_for_and_what_unpacks_to_more_than_fits_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "pipe.npz")
    with pytest.raises(InputError, match=r"pipe\.npz: cannot be read \(is no regular file\): give an NPZ file"):
        Dataset.from_file(tmp_path / "pipe.npz")
    np.savez_compressed(tmp_path / "mine.npz", x=np.zeros((1 << 10, 1 << 10)), y=np.zeros(1 << 10, int))
    monkeypatch.setattr(npz, "half_of_memory", lambda: 1 << 20)
    with pytest.raises(InputError, match=r"mine\.npz: unpacks to 8,\S+ bytes, and at most 1,048,576 are read: save it"):
        Dataset.from_file(tmp_path / "mine.npz")


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none.npz: cannot be read \(No such file or directory\)"):
        Dataset.from_file(tmp_path / "none.npz")
    with pytest.raises(InputError, match="cannot be read"):
        Dataset.from_file(tmp_path)
