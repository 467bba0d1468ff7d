"""The run folder: what is written is whole, what is read is checked, one process writes at a time."""

import errno
import json
import os
import resource
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from ctsigprop.core.files import atomic
from ctsigprop.errors import Busy, InputError, RunFailure
from ctsigprop.runs import OUTCOME, RunFolder, claim_folder, covers
from ctsigprop.settings import DataSettings, LearningSettings, NetworkSettings, Settings

SETTINGS = Settings(
    data=DataSettings("mnist", limit=100),
    network=NetworkSettings(hidden=(5, 3), loops=(2, 1)),
    learning=LearningSettings(rates=(0.1, 1e-05, 3), fixed=("W12", "loop")),
)
ARRAYS = {"W01": np.arange(12, dtype=np.float32).reshape(4, 3), "memory": np.linspace(0, 1, 7)}


@pytest.fixture
def run(tmp_path: Path) -> Iterator[RunFolder]:
    with RunFolder.create(tmp_path / "run", SETTINGS) as folder:
        yield folder


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """Makes every write beyond `size` bytes fail, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_settings_come_back_as_they_were(run: RunFolder) -> None:
    assert run.settings() == SETTINGS


def test_checkpoint_comes_back_bit_for_bit(run: RunFolder) -> None:
    state = np.random.default_rng(3).bit_generator.state
    meta = {"epoch": 4, "error": 0.1 + 0.2, "random": state, "history": [{"angle": np.float64(1) / 3}]}
    run.save_checkpoint("last", ARRAYS, meta)
    arrays, read = run.load_checkpoint("last", like=ARRAYS, keys=meta)
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype
        assert_array_equal(arrays[name], array)
    assert read == {**meta, "random": json.loads(json.dumps(state))}


ROW = {"epoch": 2, "train_error": 1.5, "validation_error": 2, "test_error": 3.0, "seconds": 0.5}


def test_metrics_are_json_lines_without_nan(run: RunFolder) -> None:
    assert run.metrics() == []
    rows = [ROW | {"epoch": 1, "residual": float("nan"), "angles": {"W12": np.float32(89.5)}}, ROW]
    run.write_metrics(rows)
    lines = (run.path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line, parse_constant=pytest.fail) for line in lines] == run.metrics()
    assert run.metrics() == [ROW | {"epoch": 1, "residual": None, "angles": {"W12": 89.5}}, ROW]


def test_metrics_that_are_not_json_name_the_line(run: RunFolder) -> None:
    (run.path / "metrics.jsonl").write_text(f'{json.dumps(ROW)}\n{{"epoch": ')
    with pytest.raises(InputError, match=r"metrics\.jsonl, line 2: is not JSON"):
        run.metrics()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"epoch": "1"}, "epoch = '1': must be a number"),
        ({"test_error": None}, "test_error = None: must be a number"),
        ({"angles": {"W12": "x"}}, "angles is not as a run writes it"),
        ({"early": 5}, "early is not"),
        ({"early": [{"epoch": 0.5, "angles": 3}]}, "early is not"),
        ({"early": [{"angles": {}}]}, "early is not"),
        ({"probe": "x"}, "probe is not"),
        ({"probe": {"signals": {"W12": 5}}}, "probe is not"),
        ({"exits": {"layer 1": 5}}, "exits is not"),
        ({"warnings": ["x"]}, "warnings is not"),
    ],
)
def test_metrics_that_no_run_writes_name_the_line_and_the_field(
    run: RunFolder, changed: Mapping[str, Any], words: str
) -> None:
    run.write_metrics([ROW, ROW | changed])
    with pytest.raises(InputError, match=rf"metrics\.jsonl, line 2: {words}"):
        run.metrics()


def test_metrics_may_lack_what_not_every_run_measures(run: RunFolder) -> None:
    rows = [ROW, ROW | {"angles": None, "early": [{"epoch": 0.5}], "probe": {}}]
    run.write_metrics(rows)
    assert run.metrics() == rows


def test_summary_is_written_whole(run: RunFolder) -> None:
    run.write_summary({"test_error": np.float64(1.5), "best": float("inf")})
    assert json.loads((run.path / "summary.json").read_text()) == {"test_error": 1.5, "best": None}


def test_a_summary_covers_a_run_when_it_is_of_all_its_epochs(run: RunFolder) -> None:
    assert run.summary() == {}
    epochs = SETTINGS.training.epochs
    run.write_metrics([ROW])
    for reached, enough in ((epochs - 1, False), (epochs, True)):
        run.write_summary(dict.fromkeys(OUTCOME, 1) | {"epochs": reached})
        assert covers(run.summary(), SETTINGS) == enough
        assert run.finished(SETTINGS) == (run.summary() if enough else None)
    assert not covers({}, SETTINGS)
    (run.path / "metrics.jsonl").unlink()
    assert run.finished(SETTINGS) is None
    for text in ("{", "[]", "{}", '{"epochs": "all"}', f'{{"epochs": {epochs}}}'):
        (run.path / "summary.json").write_text(text)
        with pytest.raises(InputError, match=r"summary\.json: is no"):
            run.summary()
        assert run.finished(SETTINGS) is None


def test_a_second_writer_is_refused_until_the_first_lets_go(run: RunFolder) -> None:
    for attempt in (lambda: RunFolder.resume(run.path), lambda: RunFolder.create(run.path, SETTINGS)):
        with pytest.raises(Busy, match="another process is training in this folder"):
            attempt()
    assert RunFolder.open(run.path).settings() == SETTINGS
    run.close()
    RunFolder.resume(run.path).close()


def test_a_run_is_never_overwritten(run: RunFolder) -> None:
    run.close()
    before = contents(run.path)
    with pytest.raises(Busy, match="already holds a run: pass --resume"):
        RunFolder.create(run.path, Settings())
    assert contents(run.path) == before


def test_what_a_kill_left_before_the_settings_were_written_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / ".lock").touch()
    (tmp_path / ".config.yaml.4711.tmp").write_text("data:\n  na")
    RunFolder.create(tmp_path, SETTINGS).close()
    assert RunFolder.open(tmp_path).settings() == SETTINGS


def test_what_a_kill_left_of_a_checkpoint_is_gone_when_the_run_goes_on(run: RunFolder) -> None:
    run.close()
    left = run.path / ".checkpoint-last.npz.4711.tmp"
    left.write_bytes(b"half")
    RunFolder.open(run.path)
    assert left.exists()
    RunFolder.resume(run.path).close()
    assert not left.exists()


def test_discard_removes_a_run_without_checkpoint_and_no_other(run: RunFolder) -> None:
    run.save_checkpoint("last", ARRAYS, {})
    run.discard()
    assert run.path.exists()
    other = RunFolder.create(run.path.with_name("other"), SETTINGS)
    other.save_checkpoint("best", ARRAYS, {})
    other.save_checkpoint("epoch-1", ARRAYS, {})
    other.write_metrics([ROW])
    (other.path / "tensorboard").mkdir()
    (other.path / "tensorboard" / "events").touch()
    other.discard()
    assert not other.path.exists()


@pytest.mark.parametrize("size", [0, 100, 2000, 39_000])
def test_a_full_disk_leaves_the_old_checkpoint_and_no_rubbish(run: RunFolder, size: int) -> None:
    run.save_checkpoint("last", ARRAYS, {"epoch": 1})
    before = contents(run.path)
    with file_size_limit(size), pytest.raises(RunFailure, match=r"checkpoint-last\.npz: cannot be written"):
        run.save_checkpoint("last", {"W01": np.ones(10_000, np.float32)}, {"epoch": 2})
    assert contents(run.path) == before


def test_a_disk_that_fails_to_sync_leaves_the_old_file(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    run.write_metrics([{"epoch": 1}])
    before = contents(run.path)

    def fail(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(RunFailure, match="No space left on device"):
        run.write_metrics([{"epoch": 1}, {"epoch": 2}])
    assert contents(run.path) == before


def test_two_processes_that_write_one_file_leave_one_of_the_two(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = run.path / "alignment.json"
    with atomic(path) as one:
        one.write(b"o" * 5)
        monkeypatch.setattr(os, "getpid", lambda: 4711)
        with atomic(path) as other:
            other.write(b"t" * 9)
        assert path.read_bytes() == b"t" * 9
        one.write(b"o" * 5)
    assert path.read_bytes() == b"o" * 10
    assert not list(run.path.glob("*.tmp"))


def test_an_interrupt_while_writing_leaves_the_old_file(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    run.save_checkpoint("last", ARRAYS, {"epoch": 1})
    before = contents(run.path)

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run.save_checkpoint("last", ARRAYS, {"epoch": 2})
    assert contents(run.path) == before


def test_a_folder_that_is_full_from_the_start_keeps_nothing(tmp_path: Path) -> None:
    with file_size_limit(10), pytest.raises(RunFailure, match=r"config\.yaml: cannot be written"):
        RunFolder.create(tmp_path / "run", SETTINGS)
    assert not (tmp_path / "run").exists()


def test_no_prefix_of_a_checkpoint_is_taken_for_one(run: RunFolder) -> None:
    run.save_checkpoint("last", ARRAYS, {"epoch": 1})
    path = run.checkpoint("last")
    whole = path.read_bytes()
    for size in range(0, len(whole), 61):
        path.write_bytes(whole[:size])
        with pytest.raises(InputError, match=r"checkpoint-last\.npz: is truncated or corrupt"):
            run.load_checkpoint("last", like=ARRAYS, keys=("epoch",))


def test_a_checkpoint_that_may_not_be_read_is_not_called_corrupt(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.save_checkpoint("last", ARRAYS, {})

    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(InputError, match=r"checkpoint-last\.npz: cannot be read \(Permission denied\)"):
        run.load_checkpoint("last")


def test_a_flipped_bit_in_the_weights_is_seen(run: RunFolder) -> None:
    run.save_checkpoint("last", ARRAYS, {"epoch": 1})
    path = run.checkpoint("last")
    content = bytearray(path.read_bytes())
    content[content.index(ARRAYS["W01"].tobytes()) + 5] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match="is truncated or corrupt"):
        run.load_checkpoint("last")


@pytest.mark.parametrize(("place", "value"), [(10, 99), (8, 1), (6, 200)], ids=["method", "encrypted", "version"])
def test_a_damaged_directory_is_seen(run: RunFolder, place: int, value: int) -> None:
    """zipfile answers with NotImplementedError or RuntimeError."""
    run.save_checkpoint("last", ARRAYS, {"epoch": 1})
    content = bytearray(run.checkpoint("last").read_bytes())
    content[content.index(b"PK\x01\x02") + place] = value
    run.checkpoint("last").write_bytes(content)
    with pytest.raises(InputError, match="is truncated or corrupt"):
        run.load_checkpoint("last")


@pytest.mark.parametrize(
    ("like", "found"),
    [
        ({"W01": np.zeros((4, 4), np.float32)}, r"W01 is float32\[4, 3\] .* float32\[4, 4\]"),
        ({"W01": np.zeros((4, 3))}, r"W01 is float32\[4, 3\] .* float64\[4, 3\]"),
        ({"W12": np.zeros((4, 3))}, r"W12 is nothing .* float64\[4, 3\]"),
    ],
)
def test_a_checkpoint_of_another_network_is_refused(run: RunFolder, like: Mapping[str, Any], found: str) -> None:
    run.save_checkpoint("best", ARRAYS, {})
    with pytest.raises(InputError, match=rf"checkpoint-best\.npz: {found}: the checkpoint is of another network"):
        run.load_checkpoint("best", like=like)


def test_a_checkpoint_without_its_progress_is_refused(run: RunFolder) -> None:
    run.save_checkpoint("last", ARRAYS, {"epoch": 1})
    with pytest.raises(InputError, match="is truncated or corrupt"):
        run.load_checkpoint("last", keys=("epoch", "history"))


def test_pickled_objects_are_refused(run: RunFolder) -> None:
    np.savez(run.checkpoint("last"), W01=np.array([{}], dtype=object))
    with pytest.raises(InputError, match="is truncated or corrupt"):
        run.load_checkpoint("last")


def test_claimed_folders_are_numbered_by_dataset_and_architecture(tmp_path: Path) -> None:
    base = tmp_path / "runs"
    names = [claim_folder(SETTINGS, base).name for _ in range(2)]
    (base / "mnist-sigprop_loop-041").mkdir()
    (base / "mnist-sigprop_loop-old").mkdir()
    names += [claim_folder(SETTINGS, base).name, claim_folder(Settings(), base).name]
    assert [name.removeprefix("mnist-sigprop_loop-") for name in names[:3]] == ["001", "002", "042"]
    assert names[3] == "digits-sigprop_loop-001"


def test_claiming_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "runs").touch()
    with pytest.raises(InputError, match="runs: cannot be written"):
        claim_folder(SETTINGS, tmp_path / "runs")
