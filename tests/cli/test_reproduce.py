"""`ctsigprop reproduce`: a small Fig. 4 from beginning to end, interrupted and gone on with, and what it refuses."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from matplotlib.image import imread

from ctsigprop.analysis.measures import callbacks
from ctsigprop.analysis.measures.alignment import angles
from ctsigprop.analysis.plots.style import new_figure
from ctsigprop.continuous.trained import load_trained
from ctsigprop.continuous.training import draw
from ctsigprop.data import load
from ctsigprop.errors import InputError
from ctsigprop.experiments.cli import main
from ctsigprop.experiments.cli.reproduce import OF_NUMPY, REPRODUCTIONS, module_of
from ctsigprop.experiments.paper.figure_4 import plan as figure_4_plan
from ctsigprop.experiments.paper.figure_4 import run as figure_4
from ctsigprop.experiments.paper.hardware import Hardware
from ctsigprop.runs import RunFolder

Command = Callable[..., Any]

SMOKE = ("reproduce", "figure-4", "--scale", "smoke", "--threads", "1", "--quiet")
LABELS = ["learned", "fixed-loop", "fixed-W12", "fixed-W23"]
CLOCK = ("seconds", "training_seconds")
DIGITS = {
    "data": {"name": "digits", "limit": 100},
    "network": {"hidden": [12, 10]},
    "training": {"epochs": 2},
    "probe": {"samples": 20, "early": 2},
}


def make_small(patch: pytest.MonkeyPatch) -> None:
    """The smoke scale on a few digits, with fewer random networks and empty figures."""
    patch.setitem(figure_4_plan.SCALES, "smoke", DIGITS)
    patch.setattr(figure_4, "RANDOM_SEEDS", range(1000, 1003))
    for name in ("angles_figure", "gradient_figure"):
        patch.setattr(figure_4, name, lambda *_: new_figure(1, 1))


@pytest.fixture
def digits(monkeypatch: pytest.MonkeyPatch) -> None:
    make_small(monkeypatch)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reproduction on digits."""
    output = tmp_path_factory.mktemp("undisturbed") / "figure-4"
    with pytest.MonkeyPatch.context() as patch:
        make_small(patch)
        assert main([*SMOKE, "--output", str(output)]) == 0
    return output


def report(output: str | Path) -> dict[str, Any]:
    return json.loads(Path(output, "figure-4.json").read_text())


def metrics(output: str | Path, label: str) -> list[dict[str, Any]]:
    """Every epoch's metrics but what the clock says."""
    rows = RunFolder.open(Path(output, "runs", label)).metrics()
    return [{key: value for key, value in row.items() if key not in CLOCK} for row in rows]


def test_fashion_mnist_at_smoke_scale(ctsigprop: Command) -> None:
    try:
        load("fashion-mnist", limit=1, download=False)
    except InputError as error:
        pytest.skip(str(error))
    answer = ctsigprop(*SMOKE)
    assert (answer.status, answer.err) == (0, "")
    output = "reproductions/figure-4"
    content = report(output)
    assert (content["scale"], content["missing"]) == ("smoke", [])
    assert [run["label"] for run in content["runs"]] == LABELS
    assert {run["network"] for run in content["runs"]} == {"784-64-64-10"}
    assert len(content["series"]) == len(LABELS) * 3 * 3
    for series in content["series"]:
        start = [0, 0.2, 0.4, 0.6, 0.8] if series["measure"] == "matrices" else [0]
        assert series["epochs"] == [*start, 1, 2, 3]
        assert len(series["deviations"]) == (0 if series["measure"] == "matrices" else 4)
        last = load_trained(RunFolder.open(Path(output, "runs", series["run"])), "last")
        if series["measure"] == "matrices":
            assert series["degrees"][-1] == angles(last.network)[series["angle"]]
    for random in content["random_weights"]:
        assert random["networks"] == 20
        assert abs(random["mean"] - 90) < 4 * random["standard_deviation"]
    assert len(content["claims"]) == 3 * (4 + 1 + 1 + 1)
    for name in ("figure-4.png", "gradient.png"):
        assert imread(Path(output, name)).std() > 0.01
    assert Path(output, "figure-4.pdf").stat().st_size > 1000
    assert "run 4 of 4: fixed-W23" in answer.out
    for claim in content["claims"]:
        assert claim["claim"] in answer.out


def test_interrupted_it_reports_what_is_finished_and_goes_on(
    ctsigprop: Command, digits: None, undisturbed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    epochs = 0
    real = callbacks.probe

    def interrupting(*given: Any) -> dict[str, Any]:
        nonlocal epochs
        epochs += 1
        if epochs == 3:  # the first epoch of the second run
            signal.raise_signal(signal.SIGINT)
        return real(*given)

    monkeypatch.setattr(callbacks, "probe", interrupting)
    answer = ctsigprop(*SMOKE, "--output", "a folder")
    assert answer.status == 130
    advice = "ctsigprop reproduce figure-4 --scale smoke --output 'a folder' --threads 1 --quiet"
    assert answer.err == f"ctsigprop: interrupted: go on with `{advice}`\n"
    assert len(metrics("a folder", "fixed-loop")) == 1
    content = report("a folder")
    assert content["missing"] == LABELS[1:]
    assert {series["run"] for series in content["series"]} == {"learned"}
    assert {"figure-4.png", "figure-4.pdf", "gradient.png"} <= {path.name for path in Path("a folder").iterdir()}

    before = Path("a folder/runs/learned/checkpoint-last.npz").stat().st_mtime_ns
    answer = ctsigprop(*SMOKE, "--output", "a folder")
    assert answer.status == 0
    assert "1 of 4 runs finished" in answer.out
    assert "run 2 of 4: fixed-loop" in answer.out
    assert epochs == 3 + 1 + 2 + 2
    assert Path("a folder/runs/learned/checkpoint-last.npz").stat().st_mtime_ns == before
    for label in LABELS:
        assert metrics("a folder", label) == metrics(undisturbed, label)
    assert report("a folder") == report(undisturbed)

    assert ctsigprop(*SMOKE, "--output", "a folder").status == 0
    assert epochs == 8


def test_each_run_fixes_its_matrix_and_no_other(undisturbed: Path) -> None:
    start = load_trained(RunFolder.open(undisturbed / "runs/learned"), "last")
    drawn = draw(start.settings, start.data).parameters()
    for label, fixed in zip(LABELS, (None, "W31", "W12", "W23"), strict=True):
        weights = load_trained(RunFolder.open(undisturbed / "runs" / label), "last").network.parameters()
        for name in ("W01", "W12", "W23", "W31"):
            assert (weights[name] == drawn[name]).all() == (name == fixed)


def test_a_folder_of_other_settings_is_refused_before_anything_is_trained(
    ctsigprop: Command, undisturbed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = report(undisturbed)
    monkeypatch.setitem(figure_4_plan.SCALES, "smoke", DIGITS | {"training": {"epochs": 3}})
    answer = ctsigprop(*SMOKE, "--output", str(undisturbed))
    assert (answer.status, answer.out) == (2, "")
    assert f"{undisturbed}/runs/learned: holds a run of training.epochs = 2, and needed is 3: remove it" in answer.err
    assert answer.err.count("\n") == 1
    assert report(undisturbed) == before


def test_the_full_scale_is_the_paper_s_network_and_three_seeds_beside_it() -> None:
    planned = figure_4_plan.plan("full", 2)
    narrow = [f"500-{loop}-seed-{seed}" for seed in range(3) for loop in ("learned", "fixed-loop")]
    assert [one.label for one in planned] == ["learned", "fixed-loop", *narrow, "fixed-W12", "fixed-W23"]
    assert len({one.settings for one in planned}) == len(planned)
    for one in planned:
        settings = one.settings
        assert (settings.data.name, settings.data.limit, settings.training.epochs) == ("fashion-mnist", None, 30)
        assert settings.network.hidden == ((500, 500) if one.label in narrow else (1500, 1500))
        assert settings.learning.fixed == (("loop",) if "loop" in one.label else tuple(one.label.split("fixed-")[1:]))


def test_without_a_name_it_lists_what_there_is(ctsigprop: Command) -> None:
    answer = ctsigprop("reproduce")
    assert (answer.status, answer.err) == (0, "")
    names = [line.split()[0] for line in answer.out.splitlines()]
    assert names == [
        "figure-3",
        "figure-4",
        "section-5",
        "table-1",
        "table-2",
        "table-3",
        "table-4",
        "table-5",
        "table-6",
        "loop-alignment",
        "hardware",
    ]


@pytest.mark.parametrize("arguments", [[], ["figure-4", "--device", "cuda"], ["hardware", "--device", "cuda"]])
def test_the_list_and_the_family_of_numpy_load_no_pytorch(arguments: list[str]) -> None:
    script = (
        "import sys\nfrom ctsigprop.experiments.cli import main\n"
        f"main({['reproduce', *arguments]!r})\nprint('torch' in sys.modules)"
    )
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert output.splitlines()[-1] == "False"


REFUSED = [
    ("reproduce figure-44", "figure-44: no such figure or table: did you mean figure-4?"),
    ("reproduce chart", "chart: no such figure or table: known are figure-3, figure-4, section-5"),
    ("reproduce figure-4 --scale huge", "--scale = huge: must be one of smoke, full"),
    ("reproduce figure-4 --threads 0", "--threads = 0: must be a whole number from 1 to"),
    ("reproduce figure-4 --seeds 3", "--seeds: no such flag"),
    ("reproduce table-6 --device tpu", "--device = 'tpu': must be one of cpu, cuda"),
    (
        "reproduce figure-4 --device cuda",
        "--device = cuda: must be cpu for figure-4, which NumPy computes",
    ),
    ("reproduce table-5 --device cuda", "device = 'cuda': must be cpu here, PyTorch"),
]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case[0])
def test_wrong_use_is_one_line(ctsigprop: Command, case: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    arguments, message = case
    answer = ctsigprop(*arguments.split())
    assert (answer.status, answer.out) == (2, "")
    assert message in answer.err
    assert answer.err.count("\n") == 1
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize("name", [name for name in REPRODUCTIONS if name not in OF_NUMPY])
def test_on_a_gpu_it_goes_on_there(ctsigprop: Command, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def interrupted(scale: str, output: Path, hardware: Hardware, *, quiet: bool) -> None:
        asked.append(hardware)
        raise KeyboardInterrupt

    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr(f"{module_of(name)}.reproduce", interrupted)
    answer = ctsigprop("reproduce", name, "--device", "cuda", "--threads", "1")
    assert asked == [Hardware(1, "cuda")]
    again = f"ctsigprop reproduce {name} --threads 1 --device cuda"
    assert (answer.status, answer.err) == (130, f"ctsigprop: interrupted: go on with `{again}`\n")


def test_an_output_that_cannot_be_a_folder_is_one_line(ctsigprop: Command, digits: None) -> None:
    Path("file").touch()
    answer = ctsigprop(*SMOKE, "--output", "file")
    assert answer.status == 1
    assert "file" in answer.err
    assert answer.err.count("\n") == 1
