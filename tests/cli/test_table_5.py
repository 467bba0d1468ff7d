"""Table V: what is trained, what is compared, what it claims, and a small one in a process of its own."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from matplotlib.image import imread

from ctsigprop.experiments.paper.hardware import Hardware
from ctsigprop.experiments.paper.tables import table_5
from ctsigprop.experiments.paper.tables.table_5_claims import all_claims
from ctsigprop.experiments.paper.tables.table_5_plan import EPOCHS_PRECISION, MODELS, ROWS, differences, plan
from ctsigprop.runs import RunFolder
from ctsigprop.runs.metrics import best_row
from ctsigprop.settings import DataSettings, SpikingSettings
from ctsigprop.settings.spiking import (
    PAPER_NETWORK,
    SpikingLearningSettings,
    SpikingNetworkSettings,
    SpikingTrainingSettings,
)

Finish = Callable[..., None]

CPU, CUDA = Hardware(1), Hardware(1, "cuda")
MEASURED = {
    "mnist": {"bp-surrogate": 0.9, "shallow": 8.0, "sp-surrogate": 1.2, "sp-voltage": 3.1},
    "fashion-mnist": {"bp-surrogate": 7.0, "shallow": 15.0, "sp-surrogate": 9.9, "sp-voltage": 11.2},
}
AFTER_THREE = {"bfloat16": 2.5, "float32": 2.25}


@pytest.fixture
def fabricate(fabricating: Callable[..., Finish], monkeypatch: pytest.MonkeyPatch) -> Finish:
    """Runs of three epochs, the first of which has the error of MEASURED: nothing that could spike, and no figure."""
    monkeypatch.setattr(table_5, "draw", lambda *_: None)
    monkeypatch.setattr(table_5, "firing_rates", lambda folder: {"firing_rates": {"layer 1": 0.25}})

    def errors(settings: SpikingSettings) -> tuple[float, ...]:
        first = MEASURED.get(settings.data.name, MEASURED["mnist"])[settings.learning.model]
        return first, 99.0, AFTER_THREE[settings.training.precision]

    return fabricating(errors)


def report(output: Path) -> dict[str, Any]:
    return json.loads((output / "table-5.json").read_text())


@pytest.mark.parametrize(("hardware", "mnist", "fashion"), [(CPU, 24, 20), (CUDA, 64, 64)])
def test_the_full_scale_is_table_5(hardware: Hardware, mnist: int, fashion: int) -> None:
    runs = {one.label: one.settings for one in plan("full", hardware)}
    order = ("sp-surrogate", "sp-voltage", "bp-surrogate", "shallow")
    whole = [f"{dataset}-{model}" for model in order for dataset in ("mnist", "fashion-mnist")]
    single = ["mnist-float32-sp-surrogate", "mnist-float32-bp-surrogate"]
    assert list(runs) == [*whole, *single]
    for label, settings in runs.items():
        model = next(model for model in MODELS if label.endswith(model))
        dataset = "fashion-mnist" if "fashion" in label else "mnist"
        epochs = fashion if dataset == "fashion-mnist" else mnist
        assert settings == SpikingSettings(
            data=DataSettings(dataset),
            network=PAPER_NETWORK if hardware is CUDA else SpikingNetworkSettings(),
            learning=SpikingLearningSettings(model, half_period=epochs),
            training=SpikingTrainingSettings(
                EPOCHS_PRECISION["full"] if label in single else epochs,
                threads=1,
                device=hardware.device,
                precision="float32" if label in single else "bfloat16",
            ),
        )
    assert EPOCHS_PRECISION["full"] <= mnist


def test_the_smoke_scale_is_as_long_on_a_gpu() -> None:
    for on_cpu, on_cuda in zip(plan("smoke", CPU), plan("smoke", CUDA), strict=True):
        training = replace(on_cpu.settings.training, device="cuda")
        assert on_cuda == replace(on_cpu, settings=replace(on_cpu.settings, training=training))


def test_what_is_cut_is_said() -> None:
    epochs, widths, *others = differences("full", "cpu")
    assert epochs.startswith("20 epochs of Fashion-MNIST and 24 epochs of MNIST, in which a cosine")
    assert epochs.endswith("the paper's 64")
    assert "32-64-256 here, for a CPU; on a GPU 128-128-2048" in widths
    on_gpu, *same = differences("full", "cuda")
    assert "128-128-2048 is taken from a public tutorial" in on_gpu and same == others
    for words in ("bfloat16", "one seed", "validation"):
        assert words in " ".join(others)
    assert differences("smoke", "cpu") == differences("smoke", "cuda")


def test_the_paper_s_figures_are_as_printed() -> None:
    printed = {row.words["dataset"]: " ".join(f"{error:.2f}" for error, _ in row.paper.values()) for row in ROWS}
    assert printed == {"Fashion-MNIST": "6.70 16.42 9.51 10.68", "MNIST": "0.84 7.24 1.01 2.63"}
    assert list(MODELS.values()) == ["BP surrogate", "shallow", "SP surrogate", "SP voltage"]


def judged(row: str, bp: float, shallow: float, sp: float, voltage: float) -> list[bool]:
    """Claims in order: SP surrogate, SP voltage and BP surrogate below their bounds, shallow worst, the whole order."""
    claims = all_claims({row: dict(zip(MODELS, (bp, shallow, sp, voltage), strict=True))})
    assert [claim.on for claim in claims] == [(row,)] * 5
    return [claim.holds for claim in claims]


@pytest.mark.parametrize(
    ("row", "errors", "holds"),
    [
        ("mnist", (1.0, 3.1, 1.3, 3.0), (True, True, True, True, True)),
        ("mnist", (1.01, 9.0, 1.31, 3.01), (False, False, False, True, True)),
        ("mnist", (0.9, 3.0, 1.2, 3.0), (True, True, True, False, False)),
        ("mnist", (0.9, 9.0, 0.9, 3.0), (True, True, True, True, False)),
        ("fashion-mnist", (7.5, 16.0, 10.0, 11.2), (True, True, True, True, True)),
        ("fashion-mnist", (7.51, 16.0, 10.01, 11.21), (False, False, False, True, True)),
        ("fashion-mnist", (7.0, 16.0, 9.9, 9.8), (True, True, True, True, False)),
    ],
)
def test_claims(row: str, errors: tuple[float, ...], holds: tuple[bool, ...]) -> None:
    assert judged(row, *errors) == list(holds)


def test_claims_wait_for_their_cells() -> None:
    claims = all_claims({"mnist": {"sp-surrogate": 1.2, "shallow": 7.0}, "mnist-float32": {"sp-voltage": 9.0}})
    assert [claim.claim for claim in claims] == ["SP surrogate is at most 1.3 %"]


def test_errors_are_those_of_the_best_epoch_and_precisions_are_compared_at_one(
    tmp_path: Path, trained: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    table_5.reproduce("full", tmp_path, CPU, quiet=True)
    assert trained == [one.label for one in plan("full", CPU)]
    content = report(tmp_path)
    assert content["missing"] == []
    fashion, mnist, single, half, difference = content["rows"]
    for row, paper in zip((fashion, mnist), ROWS, strict=True):
        for model, heading in MODELS.items():
            assert row[heading] == {"measured": MEASURED[paper.key][model], "paper": paper.paper[model][0]}
    for heading in ("SP surrogate", "BP surrogate"):
        compared = (one[heading]["measured"] for one in (single, half, difference))
        assert tuple(compared) == (2.25, 2.5, 0.25)
    assert "SP voltage" not in difference
    assert len(content["claims"]) == 10
    assert [claim["claim"] for claim in content["claims"] if not claim["holds"]] == ["SP voltage is at most 3.0 %"]
    run = content["runs"][0]
    assert (run["row"], run["model"], run["firing_rates"]) == ("mnist", "sp-surrogate", {"layer 1": 0.25})
    assert (run["best_epoch"], run["final_test_error"]) == (1, 2.5)
    printed = capsys.readouterr().out
    assert "0.90 [0.84]" in printed
    assert "no   mnist: SP voltage is at most 3.0 %: SP voltage 3.10 %" in printed
    assert "yes  fashion-mnist: BP surrogate < SP surrogate < SP voltage < shallow: BP surrogate 7.00 %" in printed


def test_a_partial_table_is_there_after_each_run(tmp_path: Path, stop_after: Callable[[int], None]) -> None:
    stop_after(9)
    with pytest.raises(KeyboardInterrupt):
        table_5.reproduce("smoke", tmp_path, CPU, quiet=True)
    labels = [one.label for one in plan("smoke", CPU)]
    assert report(tmp_path)["missing"] == labels[9:] == ["mnist-float32-bp-surrogate"]
    difference = report(tmp_path)["rows"][-1]
    assert (difference["SP surrogate"], difference["BP surrogate"]) == ({"measured": 0.0}, {})
    assert "| bfloat16 less float32, points | - | - | 0.00 | - |" in (tmp_path / "table-5.md").read_text()

    stop_after(1)
    table_5.reproduce("smoke", tmp_path, CPU, quiet=True)
    assert report(tmp_path)["missing"] == []
    assert [run["label"] for run in report(tmp_path)["runs"]] == labels


def test_firing_rates_are_found_once_for_each_run(
    tmp_path: Path, trained: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    table_5.reproduce("smoke", tmp_path, CPU, quiet=True)
    monkeypatch.setattr(table_5, "firing_rates", lambda folder: {"firing_rates": {"layer 1": 0.75}})
    table_5.reproduce("smoke", tmp_path, Hardware(2), quiet=True)
    runs = report(tmp_path)["runs"]
    assert runs[0]["settings"]["training"]["threads"] == 2
    assert [run["firing_rates"] for run in runs] == [{"layer 1": 0.25}] * len(trained)

    metrics = tmp_path / "runs" / trained[0] / "metrics.jsonl"
    metrics.write_text(metrics.read_text().replace('"seconds": 2.0', '"seconds": 3.0'))
    table_5.reproduce("smoke", tmp_path, CPU, quiet=True)
    first, *others = report(tmp_path)["runs"]
    assert (first["seconds"], first["firing_rates"]) == (9.0, {"layer 1": 0.75})
    assert {run["firing_rates"]["layer 1"] for run in others} == {0.25}


def test_the_smoke_scale_in_a_process_of_its_own(tmp_path: Path) -> None:
    command = [str(Path(sys.executable).with_name("ctsigprop")), "reproduce", "table-5", "--scale", "smoke"]
    ended = subprocess.run([*command, "--threads", "1", "--quiet"], cwd=tmp_path, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")
    output = tmp_path / "reproductions/table-5"
    content = report(output)
    assert (content["scale"], content["missing"], content["claims"]) == ("smoke", [], [])
    metrics = {run["label"]: RunFolder.open(output / "runs" / run["label"]).metrics() for run in content["runs"]}
    assert list(metrics) == [one.label for one in plan("smoke", CPU)]
    for row, paper in zip(content["rows"][:2], ROWS, strict=True):
        for model, heading in MODELS.items():
            assert row[heading]["measured"] == best_row(metrics[f"{paper.key}-{model}"])["test_error"]
    first = {name: rows[0]["test_error"] for name, rows in metrics.items()}
    difference = first["mnist-sp-surrogate"] - first["mnist-float32-sp-surrogate"]
    assert content["rows"][-1]["SP surrogate"]["measured"] == difference
    for run in content["runs"]:
        assert list(run["firing_rates"]) == ["layer 1", "layer 2", "layer 3"]
        assert all(0 < rate < 1 for rate in run["firing_rates"].values())
    assert "SP voltage" in (output / "table-5.md").read_text()
    assert imread(output / "table-5.png").std() > 0.01
