"""What a run keeps of the data that it learns, so that other data are refused: `data.json` in its folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Self, get_args

import numpy as np
from numpy.typing import ArrayLike

from ctsigprop.core.files import parse_json, read_bytes, to_json
from ctsigprop.data.dataset import Dataset, Split
from ctsigprop.data.own import PARTS, Task, checked_inputs
from ctsigprop.data.scaling import Scaling
from ctsigprop.errors import InputError
from ctsigprop.runs.folder import DATA, RunFolder
from ctsigprop.runs.metrics import is_count

REMEDY = "bring the data back, or train anew"


@dataclass(frozen=True)
class DataRecord:
    """The data of a run.

    Attributes:
        name: of the dataset, or of the arrays.
        file: absolute path of the file of one's own that they came from.
        task: classification or regression.
        shape: of a sample as the user has it.
        outputs: units of the output layer: classes, or columns of the targets.
        classes: how many there are; 0 in regression.
        samples: of each part, by its name.
        fingerprint: SHA-256 of all arrays; see `Dataset.fingerprint`.
        scaling: from inputs as the user has them to inputs of the network.
    """

    name: str
    file: str | None
    task: Task
    shape: tuple[int, ...]
    outputs: int
    classes: int
    samples: Mapping[str, int]
    fingerprint: str
    scaling: Scaling

    @classmethod
    def of(cls, data: Dataset) -> Self:
        """The record of a dataset."""
        samples = {name: len(part) for name, part in data.parts.items()}
        return cls(
            data.name,
            data.file,
            data.task,
            data.shape,
            data.outputs,
            data.classes,
            samples,
            data.fingerprint,
            data.scaling,
        )

    def unlabelled(self, x: ArrayLike) -> Split:
        """New inputs, as the user has them, in the form of the run's own.

        Args:
            x: shape (samples, *shape), numbers of any real or integer type.

        Raises:
            InputError: inputs of another shape, or that are no finite numbers.
        """
        images = checked_inputs(x, "x", self.shape)
        return Split(images, np.empty(0, np.int64), self.scaling)

    def to_json(self) -> str:
        """As `from_json` reads it, all numbers exact."""
        return to_json(asdict(self) | {"scaling": self.scaling.to_json()}, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: bytes) -> Self:
        """The record that `to_json` wrote.

        Raises:
            InputError: it is no such record.
        """
        try:
            fields = parse_json(text)
            fields["shape"] = tuple(map(int, fields["shape"]))
            fields["samples"] = {part: int(fields["samples"][part]) for part in PARTS}
            fields["scaling"] = Scaling.from_json(fields["scaling"])
            record = cls(**fields)
            if record.task not in get_args(Task) or not is_count(record.classes) or not is_count(record.outputs - 1):
                raise ValueError
            if not all(isinstance(text, str) for text in (record.name, record.file or "", record.fingerprint)):
                raise ValueError
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise InputError("is no record of a run's data: restore it from a copy, or train anew") from error
        return record


def check_same(record: DataRecord, data: Dataset) -> None:
    """Refuse data other than a run's.

    Raises:
        InputError: the data are not those that the record is of; the first difference is named.
    """
    found = DataRecord.of(data)
    where = data.file or data.name
    for name in ("task", "shape", "outputs", "samples"):
        now, then = getattr(found, name), getattr(record, name)
        if now != then:
            raise InputError(f"{where}: {name} is {now}, and of the data that the run learned {then}: {REMEDY}")
    if found.fingerprint != record.fingerprint:
        prints = f"{found.fingerprint[:16]}..., and of the data that the run learned {record.fingerprint[:16]}..."
        raise InputError(f"{where}: has fingerprint {prints}: {REMEDY}")
    if found.scaling != record.scaling:
        raise InputError(f"{where}: is scaled otherwise than the data that the run learned: {REMEDY}")


def record_of(run: RunFolder) -> DataRecord | None:
    """Return what a run has kept of its data; None for version 0.1, which kept nothing.

    Raises:
        InputError: the file is not as a run wrote it.
    """
    path = run.path / DATA
    try:
        return DataRecord.from_json(read_bytes(path, run.path))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def check_data(run: RunFolder, data: Dataset) -> None:
    """Refuse data that a run did not learn; a run that kept nothing of its data takes any.

    Raises:
        InputError: other data, or a record that is not as a run wrote it.
    """
    if (record := record_of(run)) is not None:
        check_same(record, data)


def keep_data(run: RunFolder, data: Dataset) -> None:
    """Write what a run keeps of its data before it trains; refuse other data if it has a record.

    Raises:
        InputError: other data, or a record that is not as a run wrote it.
        RunFailure: the disk is full or fails.
    """
    if (record := record_of(run)) is None:
        run.write(DATA, DataRecord.of(data).to_json())
    else:
        check_same(record, data)
