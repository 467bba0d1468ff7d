"""A checkpoint's progress is checked by type before anything of the run is written."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ctsigprop.continuous import training as continuous
from ctsigprop.discrete import training as discrete
from ctsigprop.errors import InputError
from ctsigprop.runs import META, RunFolder
from ctsigprop.settings.config import settings_from

SMALL = {
    "continuous": {"network": {"hidden": [8]}, "learning": {"rates": [0.2, 0.05]}},
    "discrete": {"network": {"architecture": "fc", "hidden": [8, 8]}},
}
TRAIN: dict[str, Callable[..., Any]] = {"continuous": continuous.train, "discrete": discrete.train}


def a_run(path: Path, family: str) -> RunFolder:
    groups = {"data": {"limit": 60}, "training": {"epochs": 2, "threads": 1}, **SMALL[family]}
    settings = settings_from(groups, family)
    with RunFolder.create(path, settings) as run:
        TRAIN[family](settings, run, quiet=True)
    return run


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, RunFolder]:
    """A finished run of two epochs of each of two families."""
    folder = tmp_path_factory.mktemp("runs")
    return {family: a_run(folder / family, family) for family in SMALL}


def rewritten(run: RunFolder, change: Callable[[dict[str, Any]], None]) -> None:
    arrays, meta = run.load_checkpoint("last")
    change(meta)
    record = np.frombuffer(json.dumps(meta).encode(), dtype=np.uint8)
    with run.checkpoint("last").open("wb") as file:
        np.savez(file, **{META: record}, **arrays)  # type: ignore[arg-type]


def put(*where: str | int, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(meta: Any) -> None:
        for key in where[:-1]:
            meta = meta[key]
        meta[where[-1]] = value

    return change


WRONG: dict[str, Callable[[dict[str, Any]], None]] = {
    **{f"epoch {value}": put("epoch", value=value) for value in ("1", None, [1], -5, True, 1.0, 1, 10**9, 10**400)},
    **{f"tally {value}": put("tally", value=value) for value in ([], None, {}, "abc", {"samples": 1})},
    "tally: samples": put("tally", "samples", value="3"),
    "tally: negative": put("tally", "errors", value=-1),
    "tally: more errors than samples": put("tally", "errors", value=5),
    "tally: beyond the training set": put("tally", "samples", value=10**8),
    "tally: another field": put("tally", "more", value=1),
    "tally: a list of seconds": put("tally", "seconds", value=[1]),
    "tally: infinite": put("tally", "seconds", value=float("inf")),
    **{
        f"history {value}": put("history", value=value)
        for value in ("abc", None, [], [{}, {}], [1, 2], {"a": 1, "b": 2})
    },
    "history: another epoch": put("history", 1, "epoch", value=3),
    "history: an error in words": put("history", 0, "validation_error", value="3"),
    "history: no warnings": put("history", 1, "warnings", value=None),
    "history: a number of 400 digits": put("history", 0, "seconds", value=10**400),
    **{f"best_epoch {value}": put("best_epoch", value=value) for value in ("1", None, [1], 0, 3, -1, 10**9)},
}


@pytest.mark.parametrize("family", SMALL)
@pytest.mark.parametrize("case", WRONG)
def test_progress_that_no_run_makes_is_refused_and_nothing_is_written(
    runs: dict[str, RunFolder], family: str, case: str
) -> None:
    run = runs[family]
    before = run.checkpoint("last").read_bytes()
    try:
        rewritten(run, WRONG[case])
        files = {path: path.read_bytes() for path in run.path.iterdir() if path.is_file()}
        with pytest.raises(InputError, match=r"checkpoint-last\.npz: ") as refusal, RunFolder.resume(run.path) as again:
            TRAIN[family](run.settings(), again, resume=True, quiet=True)
        assert "\n" not in str(refusal.value) and len(str(refusal.value)) < 500
        assert {path: path.read_bytes() for path in run.path.iterdir() if path.is_file()} == files
    finally:
        run.checkpoint("last").write_bytes(before)


MORE: dict[str, tuple[str, Callable[[dict[str, Any]], None]]] = {
    "highest": ("continuous", put("tally", "highest", value=[1.0, 2.0])),
    "early": ("continuous", put("tally", "early", value=[1])),
    "early without an epoch": ("continuous", put("tally", "early", value=[{}])),
    "residual": ("continuous", put("history", 0, "free_residual", value="x")),
    "losses": ("discrete", put("history", 0, "losses", value={"layer 9": 1.0})),
    "exits": ("discrete", put("history", 1, "exits", value={})),
    "losses of the tally": ("discrete", put("tally", "losses", value={"layer 1": "x"})),
}


@pytest.mark.parametrize("case", MORE)
def test_what_one_family_alone_keeps_is_checked_too(runs: dict[str, RunFolder], case: str) -> None:
    family, change = MORE[case]
    run = runs[family]
    before = run.checkpoint("last").read_bytes()
    try:
        rewritten(run, change)
        with pytest.raises(InputError, match=r"checkpoint-last\.npz: "), RunFolder.resume(run.path) as again:
            TRAIN[family](run.settings(), again, resume=True, quiet=True)
    finally:
        run.checkpoint("last").write_bytes(before)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("layer 1.optimizer.0.exp_avg", np.zeros(3, np.float32)),
        ("layer 1.optimizer.0.exp_avg", None),
        ("layer 1.optimizer.7.exp_avg", np.zeros(3, np.float32)),
        ("layer 1.optimizer.x.y", np.zeros(3, np.float32)),
        ("layer 1.optimizer.0.step", np.float32("nan")),
    ],
)
def test_moments_that_are_not_of_the_network_are_refused(runs: dict[str, RunFolder], name: str, value: Any) -> None:
    run = runs["discrete"]
    before = run.checkpoint("last").read_bytes()
    arrays, meta = run.load_checkpoint("last")
    assert "layer 1.optimizer.0.exp_avg" in arrays
    changed = {one: array for one, array in {**arrays, name: value}.items() if array is not None}
    try:
        run.save_checkpoint("last", changed, meta)
        with (
            pytest.raises(InputError, match=r"checkpoint-last\.npz: layer 1\.optimizer"),
            RunFolder.resume(run.path) as again,
        ):
            discrete.train(run.settings(), again, resume=True, quiet=True)
    finally:
        run.checkpoint("last").write_bytes(before)


@pytest.mark.parametrize("family", SMALL)
def test_a_whole_checkpoint_goes_on(runs: dict[str, RunFolder], family: str) -> None:
    run = runs[family]
    before = run.metrics()
    with RunFolder.resume(run.path) as again:
        TRAIN[family](run.settings(), again, resume=True, quiet=True)
    assert run.metrics() == before
