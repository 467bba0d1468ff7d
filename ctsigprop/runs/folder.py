"""The run folder: settings, metrics, checkpoints and summary of one training run.

    config.yaml           all settings, resolved
    data.json             what the data are that it learns: see ctsigprop.runs.data_record
    metrics.jsonl         a JSON object an epoch
    checkpoint-last.npz   arrays and progress after the last finished epoch, or where Ctrl-C stopped the run
    checkpoint-best.npz   weights after the epoch with the smallest validation error
    checkpoint-epoch-K.npz  as the last one, after an epoch of training.keep
    summary.json          what came out
    figures/

Each file is written under a temporary name in the same folder, synced and renamed: a kill or a full disk
at any moment leaves the old file or the new one, never a part of one.
"""

import shutil
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Self, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from ctsigprop.core.files import atomic, made, parse_json, read_bytes, remove_temporary, to_json
from ctsigprop.core.locks import LOCK, lock_folder
from ctsigprop.core.npz import read_npz
from ctsigprop.errors import Busy, InputError, RunFailure
from ctsigprop.runs.metrics import is_count, is_number, wrong_in
from ctsigprop.runs.rows import MetricsRow
from ctsigprop.settings import AnySettings, OwnSettings
from ctsigprop.settings.config import CONFIG, family_of, mapping_of, settings_in, to_yaml

Arrays = Mapping[str, NDArray[Any]]
SomeSettings = TypeVar("SomeSettings", bound=AnySettings)

METRICS = "metrics.jsonl"
DATA = "data.json"
SUMMARY = "summary.json"
OUTCOME = ("epochs", "best_epoch", "best_validation_error", "test_error", "final_train_error", "seconds")
"""What every summary tells, in numbers."""
EVENTS = "tensorboard"
MOST_OF_SETTINGS = 1 << 20
"""Bytes of a run's config.yaml."""
META = "__meta__"
AGAIN = "resume the run, which writes the file anew"
REMEDY = "restore it from a copy, or train anew in another --run-dir"
LEFT_BY_A_KILL = (LOCK, f".{CONFIG}.*.tmp")  # by one that came before the settings were written


class RunFolder:
    """The folder of one run.

    `create` and `resume` hold the folder for this process until it closes the run or ends; `open` only reads.
    """

    def __init__(self, path: Path, lock: ExitStack | None = None) -> None:
        """Wrap a folder that is known to hold a run: use `create`, `resume` or `open`."""
        self.path = path
        self._lock = lock

    @classmethod
    def create(cls, path: Path, settings: AnySettings) -> Self:
        """Start a run in a new or an empty folder.

        Raises:
            Busy: another process holds the folder, or it holds a run.
            InputError: it holds anything else, or cannot be written.
            RunFailure: the disk is full.
        """
        try:
            path.mkdir(parents=True, exist_ok=True)
            found = set(path.iterdir()) - {left for pattern in LEFT_BY_A_KILL for left in path.glob(pattern)}
            if found and path / CONFIG not in found:
                raise InputError(
                    f"{path}: is not empty and holds no run: move its files away, or choose another folder"
                )
            run = cls(path, lock_folder(path))
        except OSError as error:
            raise InputError(f"{path}: cannot be written ({error.strerror}): choose another folder") from error
        if (path / CONFIG).exists():
            run.close()
            raise Busy(f"{path}: already holds a run: pass --resume to go on, or another --run-dir")
        remove_temporary(path)
        try:
            run.write_settings(settings)
        except RunFailure:
            run.discard()
            raise
        return run

    @classmethod
    def resume(cls, path: Path) -> Self:
        """Go on with a run that was interrupted.

        Raises:
            Busy: another process holds it.
            InputError: there is no run, or the folder cannot be written.
        """
        run = cls.open(path)
        try:
            run._lock = lock_folder(path)
            remove_temporary(path, path / "figures")
        except OSError as error:
            reason = f"cannot be written ({error.strerror})"
            raise InputError(f"{path}: {reason}: copy the run to a folder of yours") from error
        return run

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a run to read it.

        Raises:
            InputError: there is no run.
        """
        if not path.is_dir():
            raise InputError(f"{path}: no such folder: give a folder that `ctsigprop train` made")
        if not (path / CONFIG).is_file():
            raise InputError(f"{path}: holds no run (no {CONFIG}): give a folder that `ctsigprop train` made")
        return cls(path)

    def close(self) -> None:
        """Unlock the run for other processes."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def __enter__(self) -> Self:
        """The run itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the run."""
        self.close()

    def discard(self) -> None:
        """Remove a run that has no checkpoint yet."""
        if not self.checkpoint("last").exists():
            for path in (*map(self.path.joinpath, (CONFIG, DATA, METRICS)), *self.path.glob("checkpoint-*.npz")):
                path.unlink(missing_ok=True)
            shutil.rmtree(self.path / EVENTS, ignore_errors=True)
            with suppress(PermissionError):  # Windows removes it as it is let go, and not before
                (self.path / LOCK).unlink(missing_ok=True)
        self.close()
        with suppress(OSError):  # a run that is kept is in there
            self.path.rmdir()

    @property
    def figures(self) -> Path:
        """Folder of the run's figures, made where it is missing."""
        return made(self.path / "figures")

    def settings(self) -> AnySettings:
        """Settings of the run, of any family, read from its config.yaml with every check.

        Raises:
            InputError: the file is not as a run wrote it.
        """
        settings: AnySettings = settings_in(self._config(), self.path / CONFIG)
        return settings

    def require_current(self) -> None:
        """Refuse to go on with, or to ask, a network that was trained by a rule as it no longer is.

        Raises:
            InputError: it was, or config.yaml is not as a run wrote it.
        """
        learning = mapping_of(self._config(), self.path / CONFIG, "settings").get("learning")
        values = learning if isinstance(learning, Mapping) else {}
        if str(values.get("algorithm")).startswith("ll-") and "similarity_weight_fa" not in values:
            raise InputError(f"{self.path}: was trained by the local losses of an earlier version: train anew")

    def _config(self) -> bytes:
        path = self.path / CONFIG
        try:
            return read_bytes(path, self.path, MOST_OF_SETTINGS)
        except OSError as error:
            raise _unreadable(path, error) from error

    def settings_of(self, kind: type[SomeSettings]) -> SomeSettings:
        """Settings of a run of one family.

        Args:
            kind: of the family's settings.

        Raises:
            InputError: the run is of another family, or the file is not as a run wrote it.
        """
        settings = self.settings()
        if not isinstance(settings, kind):
            own = ", of a network that was made in Python" if isinstance(settings, OwnSettings) else ""
            family = f"the {family_of(settings)} family{own}"
            raise InputError(f"{self.path}: is a run of {family}, which this command does not know")
        return settings

    def write_settings(self, settings: AnySettings) -> None:
        """Write the settings that the run goes on with.

        Raises:
            RunFailure: the disk is full or fails; the old file is as it was.
        """
        self.write(CONFIG, to_yaml(settings))

    def checkpoint(self, kind: str) -> Path:
        """Path of a checkpoint, which need not exist."""
        return self.path / f"checkpoint-{kind}.npz"

    @property
    def saved(self) -> tuple[int, int] | None:
        """What tells one saving of the last checkpoint from another; None before the first."""
        try:
            status = self.checkpoint("last").stat()
        except FileNotFoundError:
            return None
        return status.st_ino, status.st_mtime_ns

    def save_checkpoint(self, kind: str, arrays: Arrays, meta: Mapping[str, Any]) -> None:
        """Save arrays and, as JSON, everything else that the run needs to go on.

        Raises:
            RunFailure: the disk is full or fails; the old checkpoint is as it was.
        """
        record = np.frombuffer(to_json(meta).encode(), dtype=np.uint8)
        with atomic(self.checkpoint(kind)) as file:
            np.savez(file, **{META: record}, **arrays)  # type: ignore[arg-type]

    def load_checkpoint(
        self, kind: str, like: Arrays | None = None, keys: Collection[str] = ()
    ) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Arrays and the rest of a checkpoint.

        Args:
            kind: last, best, or epoch-K for an epoch of training.keep.
            like: arrays of the network in hand, which the checkpoint's must match in name, shape and type.
            keys: what the rest must hold.

        Raises:
            InputError: the file is missing, truncated or corrupt, belongs to another network or holds NaN.
        """
        path = self.checkpoint(kind)
        try:
            arrays = read_npz(path, inside=self.path)
            meta = parse_json(arrays.pop(META).tobytes())
            if missing := set(keys) - set(meta):
                raise KeyError(*sorted(missing))
        except FileNotFoundError as error:
            raise InputError(f"{path}: no such checkpoint: train on with --resume, or {REMEDY}") from error
        except OSError as error:
            raise _unreadable(path, error, REMEDY) from error
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path}: is truncated or corrupt: {REMEDY}") from error
        if "epoch" in keys and not is_count(meta["epoch"]):
            raise InputError(f"{path}: epoch = {meta['epoch']!r}: must be a number of epochs: {REMEDY}")
        self.require_alike(kind, arrays, like or {})
        return arrays, meta

    def require_alike(self, kind: str, arrays: Arrays, like: Arrays) -> None:
        """Pass arrays of a checkpoint that match those of the network in hand; see `load_checkpoint`.

        Raises:
            InputError: they belong to another network or hold NaN.
        """
        path = self.checkpoint(kind)
        for name, array in like.items():
            found = f"{arrays[name].dtype}{list(arrays[name].shape)}" if name in arrays else "nothing"
            needed = f"{array.dtype}{list(array.shape)}"
            if found != needed:
                raise InputError(
                    f"{path}: {name} is {found} and {CONFIG} asks for {needed}: "
                    f"the checkpoint is of another network: {REMEDY}"
                )
            if not np.isfinite(arrays[name]).all():
                raise InputError(f"{path}: {name} holds NaN or infinity: {REMEDY}")

    def write_metrics(self, rows: Sequence[MetricsRow]) -> None:
        """Write all epochs anew: the checkpoint's history is the truth, and this file its copy.

        Raises:
            RunFailure: the disk is full or fails; the old file is as it was.
        """
        self.write(METRICS, "".join(to_json(row) + "\n" for row in rows))

    def metrics(self) -> list[MetricsRow]:
        """The epochs so far; empty before the first has ended.

        Raises:
            InputError: a line is not as a run wrote it.
        """
        path = self.path / METRICS
        rows = []
        for number, line in enumerate((self._content(METRICS) or b"").splitlines(), start=1):
            try:
                row = parse_json(line)
            except ValueError as error:
                raise InputError(f"{path}, line {number}: is not JSON as a run writes it: {AGAIN}") from error
            if not isinstance(row, dict):
                raise InputError(f"{path}, line {number}: is no epoch's metrics: {AGAIN}")
            if wrong := wrong_in(row):
                raise InputError(f"{path}, line {number}: {wrong}: {AGAIN}")
            rows.append(cast(MetricsRow, row))
        return rows

    def summary(self) -> dict[str, Any]:
        """Return the summary of a finished run; empty before it has ended.

        Raises:
            InputError: the file is not as a run wrote it.
        """
        path, content = self.path / SUMMARY, self._content(SUMMARY)
        if content is None:
            return {}
        try:
            summary = parse_json(content)
        except ValueError as error:
            raise InputError(f"{path}: is not JSON as a run writes it: {AGAIN}") from error
        wrong = [name for name in OUTCOME if not (isinstance(summary, dict) and is_number(summary.get(name)))]
        if wrong:
            raise InputError(f"{path}: is no summary of a run ({wrong[0]} must be a number): {AGAIN}")
        return dict(summary)

    def finished(self, settings: AnySettings) -> dict[str, Any] | None:
        """Return the summary of a finished run; None if unfinished."""
        with suppress(InputError):  # a damaged summary is written anew when the run is gone on with
            summary = self.summary()
            if covers(summary, settings) and (self.path / METRICS).exists():
                return summary
        return None

    def write_summary(self, summary: Mapping[str, Any]) -> None:
        """Write what came out of the run.

        Raises:
            RunFailure: the disk is full or fails; the old file is as it was.
        """
        self.write(SUMMARY, to_json(summary, indent=2) + "\n")

    def _content(self, name: str) -> bytes | None:
        """Content of a file of the run; None where it is missing.

        Raises:
            InputError: it cannot be read.
        """
        path = self.path / name
        try:
            return read_bytes(path, self.path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unreadable(path, error) from error

    def write(self, name: str, text: str) -> None:
        """Write a text file of the run, whole or not at all.

        Raises:
            RunFailure: the disk is full or fails; the old file is as it was.
        """
        with atomic(self.path / name) as file:
            file.write(text.encode())


def _unreadable(path: Path, error: OSError, remedy: str = "restore it from a copy") -> InputError:
    return InputError(f"{path}: cannot be read ({error.strerror or error}): {remedy}")


def covers(summary: Mapping[str, Any], settings: AnySettings) -> bool:
    """Return whether a run's summary covers all epochs of its settings; an empty one covers none."""
    return bool(summary) and summary["epochs"] >= settings.training.epochs


def claim_folder(settings: AnySettings, base: Path = Path("runs")) -> Path:
    """Make the next free folder `base/<title of the settings>-<NNN>`.

    Raises:
        InputError: `base` cannot be written.
    """
    stem = f"{settings.title}-"
    try:
        base.mkdir(parents=True, exist_ok=True)
        numbers = (path.name.removeprefix(stem) for path in base.glob(f"{stem}*"))
        number = max((int(text) for text in numbers if text.isdecimal()), default=0) + 1
        while True:
            folder = base / f"{stem}{number:03d}"
            try:
                folder.mkdir()
            except FileExistsError:
                number += 1
            else:
                return folder
    except OSError as error:
        reason = f"cannot be written ({error.strerror})"
        raise InputError(f"{base}: {reason}: give another folder with --run-dir") from error
