"""What a run keeps of its data: a record that reads as it was written, and other data that are refused."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ctsigprop.data import Dataset, load
from ctsigprop.errors import InputError
from ctsigprop.runs import RunFolder
from ctsigprop.runs.data_record import DataRecord, check_data, check_same, keep_data, record_of
from ctsigprop.settings import Settings

X = np.random.default_rng(0).normal(size=(30, 6))
Y = np.arange(30) % 3


def own(x: Any = X, y: Any = Y, **given: Any) -> Dataset:
    return Dataset.from_arrays(x, y, **given)


@pytest.mark.parametrize("scaling", ["auto", "standard"])
@pytest.mark.parametrize("y", [np.arange(30) % 3, X[:, :2]])
def test_a_record_reads_as_it_was_written(scaling: Any, y: Any) -> None:
    record = DataRecord.of(own(y=y, scaling=scaling))
    assert DataRecord.from_json(record.to_json().encode()) == record
    check_same(DataRecord.from_json(record.to_json().encode()), own(y=y, scaling=scaling))


def test_the_record_of_digits() -> None:
    record = DataRecord.of(load("digits"))
    assert (record.name, record.file, record.task) == ("digits", None, "classification")
    assert (record.shape, record.outputs, record.classes) == ((8, 8), 10, 10)
    assert record.samples == {"train": 1197, "validation": 300, "test": 300}


OTHERS: dict[str, Dataset] = {
    "task is regression, and of the data that the run learned classification": own(y=X[:, :3]),
    "shape is (2, 3), and of the data that the run learned (6,)": own(X.reshape(30, 2, 3)),
    "outputs is 4, and": own(y=np.arange(30) % 4),
    "samples is {'train': 9, 'validation': 3, 'test': 3}, and": own(limit=9),
    "has fingerprint": own(seed=1),
    "is scaled otherwise": own(scaling="none"),
}


@pytest.mark.parametrize("message", OTHERS)
def test_other_data_are_refused(message: str) -> None:
    with pytest.raises(InputError) as refusal:
        check_same(DataRecord.of(own()), OTHERS[message])
    assert str(refusal.value).startswith(f"arrays: {message}")
    assert str(refusal.value).endswith("bring the data back, or train anew")


def test_a_run_keeps_it(tmp_path: Path) -> None:
    with RunFolder.create(tmp_path / "run", Settings()) as run:
        assert record_of(run) is None
        check_data(run, own(seed=1))  # a run of version 0.1 takes any
        keep_data(run, own())
        assert record_of(run) == DataRecord.of(own())
        keep_data(run, own())
        for refuse in (keep_data, check_data):
            with pytest.raises(InputError, match="has fingerprint"):
                refuse(run, own(seed=1))
        run.discard()
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "null", "nonsense", "[" * 100_000, *(f'{{"{name}": 1}}' for name in ("shape", "scaling"))],
    ids=lambda text: text[:12],
)
def test_a_record_that_is_none(tmp_path: Path, text: str) -> None:
    with RunFolder.create(tmp_path / "run", Settings()) as run:
        run.write("data.json", text)
        with pytest.raises(InputError, match=r"data.json: is no record of a run's data: restore it"):
            check_data(run, own())


@pytest.mark.parametrize("kind", ["pipe", "device", "link out"])
def test_a_record_that_is_no_file_of_the_run(tmp_path: Path, kind: str) -> None:
    with RunFolder.create(tmp_path / "run", Settings()) as run:
        path = run.path / "data.json"
        match kind:
            case "pipe":
                os.mkfifo(path)
            case "device":
                path.symlink_to("/dev/zero")
            case _:
                (tmp_path / "secret").write_text(DataRecord.of(own()).to_json())
                path.symlink_to(tmp_path / "secret")
        with pytest.raises(InputError, match=r"data.json: cannot be read"):
            check_data(run, own())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", [1]),
        ("file", 3),
        ("classes", "x"),
        ("task", "x"),
        ("outputs", 0),
        ("fingerprint", 3),
        ("shape", [1, "a"]),
    ],
)
def test_a_record_with_a_wrong_field(field: str, value: Any) -> None:
    record = replace(DataRecord.of(own()), **{field: value})
    with pytest.raises(InputError, match="is no record of a run's data"):
        DataRecord.from_json(record.to_json().encode())


def test_a_record_with_an_endless_shape() -> None:
    text = DataRecord.of(own()).to_json().replace('"shape": [', '"shape": [1e999, ')
    with pytest.raises(InputError, match="is no record of a run's data"):
        DataRecord.from_json(text.encode())


def test_new_inputs_are_scaled_as_the_run_was() -> None:
    data = own(X * 7)
    record = DataRecord.of(data)
    assert record.unlabelled(data.test.images.tolist()).inputs().tobytes() == data.test.inputs().tobytes()
    with pytest.raises(InputError, match=r"x has samples of shape \(2, 3\): must be \(6,\), as in training"):
        record.unlabelled(X.reshape(30, 2, 3))
    with pytest.raises(InputError, match="x holds NaN"):
        record.unlabelled(X * np.nan)
