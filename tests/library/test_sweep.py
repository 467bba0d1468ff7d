"""`ctsigprop.sweep`: the folder of `ctsigprop sweep`, from a plain script or in this process."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import ctsigprop as ct
from ctsigprop.experiments.cli import main
from ctsigprop.experiments.sweeps.specification import read_sweep
from ctsigprop.runs import RunFolder
from ctsigprop.settings import NetworkSettings, Settings

BASE = {"data.limit": 60, "network": {"hidden": [8]}, "training": {"epochs": 1}}
SCRIPT = f"""
import ctsigprop as ct

table = ct.sweep({{"nudging.beta": [0.5, 1]}}, base={BASE}, output="from-python", workers=2)
print(table.best.point, len(table.rows))
"""
FILE = """
base: {data: {limit: 60}, network: {hidden: [8]}, training: {epochs: 1}}
grid: {nudging.beta: [0.5, 1]}
"""
GRID = {"nudging.beta": [0.5, 1]}


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def arrays_of(point: Path) -> Mapping[str, bytes]:
    arrays, _ = RunFolder.open(point).load_checkpoint("last")
    return {name: array.tobytes() for name, array in arrays.items()}


def test_a_script_without_a_guard_sweeps_as_the_command_line_does() -> None:
    Path("script.py").write_text(SCRIPT)
    Path("sweep.yaml").write_text(FILE)
    done = subprocess.run([sys.executable, "script.py"], capture_output=True, text=True, timeout=240)
    assert (done.returncode, done.stderr.count("Traceback")) == (0, 0), done.stderr
    assert main(["sweep", "sweep.yaml", "--output", "by-command", "--workers", "1", "--quiet"]) == 0
    points = read_sweep(Path("sweep.yaml")).points
    for point in points:
        mine, theirs = (Path(where) / "points" / point.name for where in ("from-python", "by-command"))
        assert arrays_of(mine) == arrays_of(theirs)
        assert (mine / "config.yaml").read_bytes() == (theirs / "config.yaml").read_bytes()
    table = ct.sweep(GRID, base=BASE, output="by-command", quiet=True)  # finished: nothing to train
    assert [row.point for row in table.rows] == [point.name for point in points]
    assert table.best.summary["best_validation_error"] == table.to_pandas()["best_validation_error"].min()
    assert done.stdout.splitlines()[-1].split() == [table.best.point, "2"]
    for name in ("results.csv", "summary.csv"):
        pd.testing.assert_frame_equal(
            *(pd.read_csv(Path(where) / name).filter(regex="^(?!seconds)") for where in ("from-python", "by-command"))
        )


def test_what_is_ones_own_is_swept_in_this_process() -> None:
    ct.RHOS.add(ct.Rho(rate=lambda s: s, slope=lambda s: 1.0, bounds=(0, 2), name="up_to_two"))
    grid = {"network.rho": ["hard_sigmoid", "up_to_two"]}
    with pytest.raises(ct.InputError, match=r"network.rho = 'up_to_two': is one's own.*workers=0"):
        ct.sweep(grid, base=BASE, output="own", quiet=True)
    assert not Path("own").exists()
    table = ct.sweep(grid, base=BASE, output="own", workers=0, quiet=True)
    assert [row.swept["network.rho"] for row in table.rows] == grid["network.rho"]


def test_a_base_may_be_settings_a_file_or_a_mapping_and_values_numbers_of_numpy(capsys: Any) -> None:
    Path("base.yaml").write_text("data: {limit: 60}\nnetwork: {hidden: [8]}\ntraining: {epochs: 1, threads: 2}\n")
    of_run = Settings(network=NetworkSettings(hidden=(8,)))
    names = []
    for base in ("base.yaml", {**BASE, "family": "continuous"}):
        table = ct.sweep({"training.seed": np.arange(1)}, base=base, output="sweep", workers=0, quiet=True)
        names.append(table.rows[0].point)
    assert names[0] == names[1]
    assert capsys.readouterr() == ("", "")
    for settings in (of_run, ct.load_run(table.rows[0].path).settings):
        base_run = Settings(**{**vars(settings), "training": ct.load_run(table.rows[0].path).settings.training})
        again = ct.sweep({"data.limit": [50]}, base=base_run, output="other", workers=0, quiet=True)
        assert RunFolder.open(again.rows[0].path).settings().network == settings.network


def test_a_sample_is_drawn() -> None:
    sample = {"nudging.beta": {"low": 0.1, "high": 1.0}}
    table = ct.sweep(base=BASE, sample=sample, points=2, seed=3, output="sampled", workers=0, quiet=True)
    betas = [row.swept["nudging.beta"] for row in table.rows]
    assert len(set(betas)) == 2
    assert all(0.1 <= beta <= 1 for beta in betas)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "names nothing that is swept"),
        ({"grid": {"beta": [1]}}, r"grid.beta: must be GROUP.SETTING"),
        ({"grid": {"nudging.betta": [1]}}, r"grid.nudging.betta: no such setting: did you mean beta"),
        ({"grid": GRID, "workers": -1}, "workers = -1: must be a whole number, at least 0"),
        ({"grid": GRID, "workers": 2, "scheduler": "tcp://a:1"}, "the scheduler has workers of its own"),
        ({"grid": GRID, "base": "none.yaml"}, "base = none.yaml: no such file"),
        ({"grid": GRID, "base": 3}, "base = 3: must be a mapping"),
        ({"grid": GRID, "base": {"family": "x"}}, "base.family = x: must be one of continuous"),
        ({"grid": GRID, "sample": {"nudging.beta": {"low": 0, "high": 1}}}, "sample and points: go together"),
        ({"grid": GRID, "base": {"nudging.beta": 1}}, "base.nudging.beta: is swept too"),
    ],
)
def test_arguments_that_cannot_be_used(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ct.InputError, match=words):
        ct.sweep(**arguments, output="refused", quiet=True)
    assert not Path("refused").exists()
