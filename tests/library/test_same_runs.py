"""The command line and Python with the same settings give the same run folder, bit for bit but for times."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ctsigprop as ct
from ctsigprop.experiments.cli import main
from ctsigprop.runs import RunFolder

CLOCK = {"seconds": None, "training_seconds": None}
PROCESS = {"seconds": None, "thread_pools": None}
FLAGS = ("--data.limit", "120", "--training.epochs", "2", "--training.threads", "1", "--training.seed", "3", "--quiet")
GRAPH = """
network:
  architecture: graph
  layers: [{units: 12}, {units: 9, rho: tanh, time_constant: 1.5}, {units: 10}]
  connections:
    - {source: 0, target: 1}
    - {source: 1, target: 2}
    - {source: 2, target: 3}
    - {source: 0, target: 2, rate: 0.2}
    - {source: 3, target: 1, gain: 0.5}
"""


IMAGES = """
network:
  architecture: graph
  layers: [{units: [2, 4, 4]}, {units: [2, 4, 4]}, {units: 10}]
  connections:
    - {source: 0, target: 1, kind: conv, kernel: 5, pool: max}
    - {source: 1, target: 2, kind: conv, symmetric: true}
    - {source: 2, target: 3, symmetric: true}
    - {source: 0, target: 2, kind: conv, kernel: 3, padding: 1, pool: avg, rate: 0.01}
"""


def images() -> ct.Network:
    edges = [
        ct.Conv(0, 1, kernel=5, pool=ct.MaxPool()),
        ct.Conv(1, 2, symmetric=True),
        ct.Dense(2, 3, symmetric=True),
        ct.Conv(0, 2, 0.01, padding=1, pool=ct.AvgPool()),
    ]
    return ct.Network([(1, 8, 8), (2, 4, 4), (2, 4, 4), 10], edges, seed=3)


def graph() -> ct.Network:
    layers = [64, 12, ct.Layer(9, rho="tanh", time_constant=1.5), 10]
    edges = [ct.Dense(0, 1), ct.Dense(1, 2), ct.Dense(2, 3), ct.Dense(0, 2, 0.2), ct.Dense(3, 1, gain=0.5)]
    return ct.Network(layers, edges, seed=3)


CASES: dict[str, tuple[Any, str, dict[str, Any]]] = {
    "sigprop_loop": (
        lambda: ct.Network.sigprop_loop([64, 12, 9, 10], loops=(1, 2), seed=3),
        "--network.hidden [12,9] --network.loops [1,2] --learning.optimizer momentum"
        " --probe.samples 20 --probe.early 2 --training.keep [1]",
        {"optimizer": "momentum", "callbacks": [ct.Gradients(samples=20), ct.Angles(early=2)], "keep": [1]},
    ),
    "symmetric": (
        lambda: ct.Network.symmetric([64, 12, 10], seed=3),
        "--network.architecture symmetric_ep --network.hidden [12] --nudging.kind centered"
        " --nudging.beta 0.5 --learning.rates [0.5,0.1] --learning.average 1",
        {"nudging": "centered", "beta": 0.5, "rates": [0.5, 0.1], "average": 1.0},
    ),
    "random_feedback": (
        lambda: ct.Network.random_feedback([64, 12, 10], rho="logistic", seed=3),
        "--network.architecture random_feedback_ep --network.hidden [12] --network.rho logistic"
        " --learning.optimizer adam",
        {"optimizer": "adam"},
    ),
    "conv_loop": (
        lambda: ct.Network.conv_loop([(1, 8, 8), 2, 3, 10], pool="avg", seed=3),
        "--network.architecture conv_loop --network.hidden [2,3] --network.loops all --network.pool avg"
        " --learning.optimizer adam --training.augment crop",
        {"optimizer": "adam", "augment": "crop"},
    ),
    "graph": (graph, "--config graph.yaml", {}),
    "graph of images": (images, "--config images.yaml", {}),
}


@pytest.mark.parametrize("case", CASES)
def test_both_give_the_same_folder(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("graph.yaml").write_text(GRAPH)
    Path("images.yaml").write_text(IMAGES)
    network, flags, arguments = CASES[case]
    assert main(["train", *flags.split(), *FLAGS, "--run-dir", "by-command"]) == 0
    data = ct.load_dataset("digits", limit=120)
    ct.fit(network(), data, **arguments, epochs=2, seed=3, threads=1, run_dir="from-python", quiet=True)
    mine, theirs = Path("from-python"), Path("by-command")
    names = {path.relative_to(theirs) for path in theirs.rglob("*")}
    assert {path.relative_to(mine) for path in mine.rglob("*")} == names
    for name in sorted(names):
        if name.suffix in (".yaml", ".png") or name.name == "data.json":
            assert (mine / name).read_bytes() == (theirs / name).read_bytes(), name
        elif name.suffix == ".npz":
            arrays, expected = (
                RunFolder.open(one).load_checkpoint(name.stem.removeprefix("checkpoint-"))[0] for one in (mine, theirs)
            )
            assert arrays.keys() == expected.keys()
            for key, array in arrays.items():
                assert array.dtype == expected[key].dtype
                np.testing.assert_array_equal(array, expected[key])
    rows, expected_rows = ([{**row, **CLOCK} for row in RunFolder.open(one).metrics()] for one in (mine, theirs))
    assert rows == expected_rows
    summaries = [{**json.loads((one / "summary.json").read_text()), **PROCESS} for one in (mine, theirs)]
    assert summaries[0] == summaries[1]
