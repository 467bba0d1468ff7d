"""A trained run: what it learned, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ctsigprop.continuous.architectures import build
from ctsigprop.continuous.network import Network
from ctsigprop.continuous.prediction import Inference
from ctsigprop.data import dataset_of
from ctsigprop.errors import InputError
from ctsigprop.runs import RunFolder
from ctsigprop.runs.data_record import DataRecord, record_of
from ctsigprop.runs.metrics import error_in_words
from ctsigprop.settings import AnySettings, Settings


@dataclass(frozen=True, eq=False)
class Run:
    """What training made.

    Attributes:
        settings: of the run, resolved.
        network: with the weights of the epoch whose validation error is the smallest; it predicts from inputs as the
            user has them.
        metrics: a row for each epoch: errors (of classes in percent, of a regression the mean square), seconds, and
            what callbacks added.
        summary: best epoch, errors, seconds, versions of packages, source revision, processor.
        path: folder of the run; None where none was asked for.
    """

    settings: AnySettings
    network: Any
    metrics: list[dict[str, Any]]
    summary: Mapping[str, Any]
    path: Path | None = None

    def __repr__(self) -> str:
        where = f" in {self.path}" if self.path else ""
        if not self.summary:
            return f"Run({self.settings.title}, {len(self.metrics)} epochs, not finished{where})"
        epochs, error = self.summary["epochs"], error_in_words(self.summary["test_error"], self.summary)
        return f"Run({self.settings.title}, {epochs} epochs, test error {error}{where})"


def load_run(path: str | PathLike[str], checkpoint: str = "best") -> Run:
    """Bring a run back from its folder.

    Its data are not read, but for runs of version 0.1, which kept no record of them.

    Args:
        path: the folder.
        checkpoint: best, last, or epoch-K for an epoch of training.keep.

    Raises:
        InputError: there is no such run or checkpoint, a file is not as a run wrote it, or something of one's own that
            the run names (a rho, a cost) has not been added to its registry.
    """
    folder = RunFolder.open(Path(path))
    return run_of(folder, checkpoint)


def run_of(folder: RunFolder, checkpoint: str) -> Run:
    """The run of an open folder; see `load_run`."""
    settings = folder.settings()
    if not isinstance(settings, Settings):
        raise InputError(f"{folder.path}: is no run of the continuous family")
    record = record_of(folder) or DataRecord.of(dataset_of(settings.data))
    arrays, _ = folder.load_checkpoint(checkpoint, keys=("epoch",))
    network = network_of(settings, record)
    network.load(arrays)
    network.inference = Inference(record.scaling, record.shape, record.task, settings.solver)
    return Run(settings, network, [dict(row) for row in folder.metrics()], folder.summary(), folder.path)


def network_of(settings: Settings, record: DataRecord) -> Network:
    """The network of a run before its first update, if its weights are drawn as the settings say."""
    rng = np.random.default_rng(settings.training.seed)
    return build(prod(record.shape), record.outputs, settings.network, settings.learning, rng)
