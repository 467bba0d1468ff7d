"""Reproduced tables: what is printed and written, what Table VI claims, and several processes at one table."""

import json
import threading
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from matplotlib.image import imread

from ctsigprop.core.locks import lock_folder, one_at_a_time
from ctsigprop.errors import InputError, RunFailure
from ctsigprop.experiments.cli.flags import CONFIGS
from ctsigprop.experiments.finishing import is_finished
from ctsigprop.experiments.paper import scheduling
from ctsigprop.experiments.paper.claims import Claim
from ctsigprop.experiments.paper.figure_3 import plan as figure_3_plan
from ctsigprop.experiments.paper.figure_3 import run as figure_3
from ctsigprop.experiments.paper.hardware import Hardware
from ctsigprop.experiments.paper.plan import Planned
from ctsigprop.experiments.paper.table import Cell, Table, command_of, print_table, to_markdown, write_table
from ctsigprop.experiments.paper.tables import table_6, table_6_plan
from ctsigprop.experiments.paper.tables.table_6_claims import all_claims
from ctsigprop.experiments.paper.tables.table_6_plan import ALGORITHMS, EPOCHS, ROWS, plan
from ctsigprop.runs import RunFolder
from ctsigprop.settings import AnySettings, DiscreteSettings, SpikingSettings
from ctsigprop.settings.config import read_settings
from ctsigprop.settings.discrete import Algorithm, DiscreteLearningSettings, TargetSettings

Finish = Callable[..., None]

CPU, CUDA = Hardware(1), Hardware(1, "cuda")
PLANNED = ("mnist-2x800", "mnist-3x800")

TABLE = Table(
    "table-0",
    "Table 0: seconds",
    ("layer", "SP", "BP"),
    [{"layer": 1, "SP": Cell(1.234, 1.5, 0.01, 0.02)}, {"layer": 2, "SP": Cell(paper=2), "BP": Cell(0.5, digits=1)}],
    ["one layer fewer"],
)


def test_a_cell_shows_the_paper_beside_what_was_measured() -> None:
    assert str(Cell(1.694, 1.71, 0.016, 0.03)) == "1.69 ± 0.02 [1.71 ± 0.03]"
    assert str(Cell(1.694)) == "1.69"
    assert str(Cell(paper=22.5, missing="not run")) == "not run [22.50]"
    assert str(Cell(0.48, 0.484, digits=1)) == "0.5 [0.5]"


def test_a_table_is_printed_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(TABLE)
    assert capsys.readouterr().out.splitlines() == [
        "Table 0: seconds",
        "layer  SP                         BP",
        "1      1.23 ± 0.01 [1.50 ± 0.02]  -",
        "2      - [2.00]                   0.5",
        "differs from the paper: one layer fewer",
    ]


def test_a_table_is_written_as_json_and_markdown(tmp_path: Path) -> None:
    write_table(tmp_path / "new", TABLE, {"command": "ctsigprop reproduce table-0", "seed": 0})
    content = json.loads((tmp_path / "new/table-0.json").read_text())
    assert content["rows"] == [
        {"layer": 1, "SP": {"measured": 1.234, "paper": 1.5, "spread": 0.01, "paper_spread": 0.02}},
        {"layer": 2, "SP": {"paper": 2}, "BP": {"measured": 0.5}},
    ]
    assert (content["seed"], content["differences"]) == (0, ["one layer fewer"])
    assert content["machine"]["cores"] >= 1
    text = (tmp_path / "new/table-0.md").read_text()
    assert text == f"{to_markdown(TABLE)}\n"
    assert "| 2 | - [2.00] | 0.5 |" in text
    assert text.endswith("- one layer fewer\n")


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunFailure, match=r"file: cannot be written \(File exists\): make room"):
        write_table(tmp_path / "file", TABLE, {})


def test_the_command_makes_the_table_again() -> None:
    again = command_of("table-6", "full", Path("my tables"), CPU)
    assert again == "ctsigprop reproduce table-6 --scale full --threads 1 --output 'my tables'"
    on_cuda = command_of("table-6", "full", Path("tables"), CUDA)
    assert on_cuda == "ctsigprop reproduce table-6 --scale full --threads 1 --device cuda --output tables"


def test_the_full_scale_is_table_6() -> None:
    everything = plan("full", CPU)
    runs = {(one.row, one.column, one.settings.training.seed): one.settings for one in everything}
    assert len(runs) == len(everything) == 4 * 4 + 2 * 4 + 4 + 4
    assert {one.column for one in everything[:5]} == {"sp"}
    assert {one.settings.training.seed for one in everything if one.row == "mnist-2x800"} == {0, 1, 2}
    for row, hidden in (("mnist-2x800", 2), ("mnist-3x800", 3), ("mnist-4x800", 4), ("mnist-2x800-dropout", 2)):
        for algorithm in ALGORITHMS:
            settings = runs[row, algorithm, 0]
            assert (settings.data.name, settings.data.limit) == ("mnist", None)
            assert settings.network.hidden == (800,) * hidden
            assert settings.network.activation == ("leaky_relu" if row.endswith("dropout") else "tanh")
            assert (settings.network.dropout > 0) == row.endswith("dropout")
            epochs = EPOCHS["mnist-fc-dropout" if row.endswith("dropout") else "mnist-fc"]
            assert (settings.training.epochs, settings.training.batch_size) == (epochs, 128)
            assert settings.learning.algorithm == algorithm
    assert runs["cifar-10-3x1000-dropout", "fa", 0].network.hidden == (1000,) * 3
    assert runs["cifar-10-conv", "dfa", 0].network.architecture == "conv"
    conv = ("cifar-10-conv", "sp", 0)
    assert (runs[conv].target.similarity, runs[conv].target.statistics) == ("cosine", "targets")
    assert all(one.target == TargetSettings() for key, one in runs.items() if key != conv)


def test_the_shipped_config_is_a_run_of_table_6() -> None:
    (run,) = [one for one in plan("full", CPU) if one.label == "mnist-2x800-sp-seed-0"]
    shipped = read_settings(CONFIGS / "mnist-fc-sp.yaml")
    assert replace(shipped, training=replace(shipped.training, threads=1)) == run.settings


@pytest.mark.parametrize("scale", ["smoke", "full"])
def test_on_a_gpu_table_6_and_figure_3_change_the_device_alone(scale: str) -> None:
    runs = zip(plan(scale, CPU), plan(scale, CUDA), strict=True)
    pairs = [(one.label, other.label, one.settings, other.settings) for one, other in runs]
    pairs.append(("", "", figure_3_plan.plan(scale, CPU), figure_3_plan.plan(scale, CUDA)))
    for label, same, on_cpu, on_cuda in pairs:
        assert label == same
        assert on_cuda == replace(on_cpu, training=replace(on_cpu.training, device="cuda")) != on_cpu


def test_a_run_of_another_device_is_refused(tmp_path: Path, fabricate: Finish) -> None:
    one, other = plan("smoke", CPU)[0], plan("smoke", CUDA)[0]
    fabricate(tmp_path / "run", one.settings, quiet=True)
    with pytest.raises(InputError, match=r"holds a run of training\.device = 'cpu', and needed is 'cuda'"):
        is_finished(tmp_path / "run", other.settings)


def test_the_paper_s_figures_are_as_printed() -> None:
    printed = {row.key: " ".join(f"{error:.2f}" for error, _ in row.paper.values()) for row in ROWS}
    assert printed["mnist-2x800"] == "1.60 1.64 1.74 1.71"
    assert printed["mnist-4x800"] == "1.92 1.70 1.83 1.70"
    assert printed["mnist-2x800-dropout"] == "1.26 1.53 1.45 1.38"
    assert printed["cifar-10-conv"] == "22.50 27.10 26.90 24.75"
    assert printed["cifar-100-conv"] == "51.70 60.50 59.00 57.01"


def judged(row: str, **errors: float) -> dict[str, bool]:
    return {claim.claim: claim.holds for claim in all_claims({row: errors})}


def test_claims_of_a_row_on_mnist() -> None:
    at_most, near = "SP is at most 1.85 %", "BP is within 0.2 points of the paper"
    assert judged("mnist-2x800", sp=1.85, bp=1.80) == {at_most: True, near: True}
    assert judged("mnist-2x800", sp=1.86, bp=1.81) == {at_most: False, near: False}
    assert judged("mnist-4x800", bp=1.71) == {near: False}
    assert judged("mnist-2x800-dropout", sp=1.3) == {at_most: True}
    assert judged("mnist-2x800", fa=1.0, dfa=1.0) == {}


def test_claims_of_the_rows_on_cifar() -> None:
    near, below, order = "SP is within 1.5 points of the paper", "SP is below FA", "BP < SP < DFA <= FA"
    row = "cifar-10-3x1000-dropout"
    assert judged(row, sp=44.12, fa=44.2) == {near: True, below: True}
    assert judged(row, sp=44.13, fa=44.13) == {near: False, below: False}
    assert judged("cifar-10-conv", bp=1, sp=2, dfa=3, fa=3) == {order: True}
    for errors in ({"bp": 2, "sp": 2, "dfa": 3, "fa": 3}, {"bp": 1, "sp": 3, "dfa": 3, "fa": 3}):
        assert judged("cifar-10-conv", **errors) == {order: False}
    assert judged("cifar-10-conv", bp=1, sp=2, dfa=4, fa=3) == {order: False}
    assert judged("cifar-10-conv", bp=1, sp=2, dfa=3) == {}
    claim = all_claims({row: {"sp": 42.0}})[0]
    assert claim == Claim(near, {"sp": 42.0}, True, (row,))


@pytest.fixture
def fabricate(fabricating: Callable[..., Finish]) -> Finish:
    """Runs of two epochs; the error tells algorithm and seed."""
    return fabricating(lambda one: (ALGORITHMS.index(one.learning.algorithm) + one.training.seed / 10, 99.0))


@pytest.fixture
def two_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Table VI of no other rows."""
    monkeypatch.setattr(table_6, "plan", planned)


def planned(scale: str, hardware: Hardware = CPU) -> list[Planned]:
    """The runs of two rows."""
    return [one for one in plan(scale, hardware) if one.row in PLANNED]


def report(output: Path) -> dict[str, Any]:
    return json.loads((output / "table-6.json").read_text())


def test_seeds_are_averaged_and_the_best_epoch_counts(
    tmp_path: Path, two_rows: None, trained: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    table_6.reproduce("full", tmp_path, CPU, quiet=True)
    assert trained == [one.label for one in planned("full")]
    content = report(tmp_path)
    assert content["missing"] == []
    assert content["seconds"] == 4.0 * len(trained)
    first, other = content["rows"][0], content["rows"][1]
    assert first["SP"] == pytest.approx({"measured": 3.1, "spread": 0.1, "paper": 1.71, "paper_spread": 0.03})
    assert other["FA"] == {"measured": 1.0, "paper": 1.66, "paper_spread": 0.09}
    run = next(run for run in content["runs"] if run["label"] == "mnist-3x800-fa-seed-0")
    assert (run["test_error"], run["best_epoch"], run["final_test_error"]) == (1.0, 1, 99.0)
    assert run["settings"]["network"]["hidden"] == [800, 800, 800]
    printed = capsys.readouterr().out
    assert "3.10 ± 0.10 [1.71 ± 0.03]" in printed
    assert "not run [70.30 ± 0.19]" in printed
    assert "no   mnist-2x800: SP is at most 1.85 %: SP 3.10 %" in printed


def test_a_partial_table_is_there_after_each_run(
    tmp_path: Path, two_rows: None, stop_after: Callable[[int], None]
) -> None:
    stop_after(3)
    with pytest.raises(KeyboardInterrupt):
        table_6.reproduce("smoke", tmp_path, CPU, quiet=True)
    labels = [one.label for one in planned("smoke")]
    assert report(tmp_path)["missing"] == labels[3:]
    assert "| MNIST | FC 3x800 | - [1.75 ± 0.05] |" in (tmp_path / "table-6.md").read_text()

    stop_after(len(labels) - 3)
    table_6.reproduce("smoke", tmp_path, CPU, quiet=True)
    assert report(tmp_path)["missing"] == []
    assert [run["label"] for run in report(tmp_path)["runs"]] == labels


@pytest.mark.parametrize(("algorithm", "refused"), [("bp", False), ("sp", True)])
def test_a_run_may_differ_in_what_it_does_not_use(
    tmp_path: Path, fabricate: Finish, algorithm: Algorithm, refused: bool
) -> None:
    settings = DiscreteSettings(learning=DiscreteLearningSettings(algorithm))
    fabricate(tmp_path / "run", settings, quiet=True)
    assert is_finished(tmp_path / "run", replace(settings, target=replace(settings.target, error_rate=1.0)))
    refusal = pytest.raises(InputError, match=r"holds a run of target\.similarity")
    with refusal if refused else nullcontext():
        is_finished(tmp_path / "run", replace(settings, target=replace(settings.target, similarity="l2")))


def test_a_run_of_another_family_is_refused(tmp_path: Path, fabricate: Finish) -> None:
    fabricate(tmp_path / "run", DiscreteSettings(), quiet=True)
    words = (
        "run: holds a run of the discrete family, and needed is one of the spiking family: remove it, or choose another"
    )
    with pytest.raises(InputError, match=words):
        is_finished(tmp_path / "run", SpikingSettings())


def test_a_run_of_other_settings_is_refused_before_anything_is_trained(
    tmp_path: Path, fabricate: Finish, trained: list[str]
) -> None:
    one = plan("full", CPU)[0]
    fabricate(tmp_path / "runs" / one.label, one.settings, quiet=True)
    with pytest.raises(InputError, match=r"holds a run of data\.name = 'mnist', and needed is 'digits'"):
        table_6.reproduce("smoke", tmp_path, CPU, quiet=True)
    assert trained == []


def test_a_run_that_another_process_trains_is_taken_up_last(
    tmp_path: Path, trained: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = {tmp_path / one.label: one.settings for one in plan("smoke", CPU)[:3]}
    first, *others = runs
    first.mkdir()
    held = lock_folder(first)
    waited = []

    def release(folder: Path) -> None:
        waited.append(folder)
        held.close()

    monkeypatch.setattr(scheduling, "wait_for_folder", release)
    assert list(scheduling.finish_all(runs, quiet=True)) == [*others, first]
    assert waited == [first]


def test_a_process_that_lets_go_as_soon_as_it_has_refused_another_is_no_obstacle(
    tmp_path: Path, fabricate: Finish, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, settings = tmp_path / "run", plan("smoke", CPU)[0].settings
    run.mkdir()
    held = [lock_folder(run)]

    def finish(folder: Path, settings: AnySettings, *, quiet: bool) -> None:
        try:
            fabricate(folder, settings, quiet=quiet)
        finally:
            while held:
                held.pop().close()

    monkeypatch.setattr(scheduling, "finish", finish)
    assert list(scheduling.finish_all({run: settings}, quiet=True)) == [run]


def test_a_run_that_was_given_more_epochs_and_stopped_is_not_finished(tmp_path: Path, fabricate: Finish) -> None:
    settings = plan("smoke", CPU)[0].settings
    longer = replace(settings, training=replace(settings.training, epochs=settings.training.epochs + 1))
    fabricate(tmp_path / "run", settings, quiet=True)
    assert is_finished(tmp_path / "run", settings)
    RunFolder.open(tmp_path / "run").write_settings(longer)
    assert not is_finished(tmp_path / "run", longer)
    (tmp_path / "run" / "summary.json").write_text("{")
    assert not is_finished(tmp_path / "run", longer)


def test_a_run_that_another_process_has_finished_meanwhile_is_left_alone(
    tmp_path: Path, fabricate: Finish, trained: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = {tmp_path / one.label: one.settings for one in plan("smoke", CPU)[:2]}
    first, second = runs
    first.mkdir()
    held = lock_folder(first)

    def finish_elsewhere(folder: Path) -> None:
        held.close()
        fabricate(folder, runs[folder], quiet=True)

    monkeypatch.setattr(scheduling, "wait_for_folder", finish_elsewhere)
    assert list(scheduling.finish_all(runs, quiet=True)) == [second]


def test_a_refusal_that_no_other_process_is_the_cause_of_ends_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(folder: Path, settings: AnySettings, *, quiet: bool) -> None:
        raise InputError("no such data")

    monkeypatch.setattr(scheduling, "finish", refuse)
    with pytest.raises(InputError, match="no such data"):
        list(scheduling.finish_all({tmp_path / "run": plan("smoke", CPU)[0].settings}, quiet=True))


def test_reports_are_written_one_at_a_time(tmp_path: Path) -> None:
    inside = threading.Event()
    order = []

    def wait_for_a_turn() -> None:
        with one_at_a_time(tmp_path):
            order.append("second")

    with one_at_a_time(tmp_path):
        other = threading.Thread(target=wait_for_a_turn)
        other.start()
        inside.wait(0.05)
        order.append("first")
    other.join()
    assert order == ["first", "second"]


def test_table_6_on_a_few_digits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = {"data": {"name": "digits", "limit": 60}, "training": {"epochs": 1}}
    monkeypatch.setattr(table_6_plan, "SMOKE", small)
    monkeypatch.setattr(table_6_plan, "SMOKE_UNITS", 8)
    monkeypatch.setattr(table_6, "plan", lambda *given: [one for one in plan(*given) if one.row == "mnist-2x800"])
    table_6.reproduce("smoke", tmp_path, CPU, quiet=True)
    content = report(tmp_path)
    assert (content["missing"], content["claims"]) == ([], [])
    assert [run["algorithm"] for run in content["runs"]] == ["sp", "bp", "fa", "dfa"]
    for run in content["runs"]:
        folder = RunFolder.open(tmp_path / "runs" / run["label"])
        cell = content["rows"][0][run["algorithm"].upper()]
        assert run["test_error"] == cell["measured"] == folder.metrics()[0]["test_error"]


def test_figure_3_on_a_few_digits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small = {
        "data": {"name": "digits", "limit": 200},
        "network": {"hidden": [16, 16]},
        "training": {"epochs": 2, "batch_size": 20, "keep": [2]},
    }
    monkeypatch.setitem(figure_3_plan.SCALES, "smoke", small)
    figure_3.reproduce("smoke", tmp_path, CPU, quiet=True)
    content = json.loads((tmp_path / "figure-3.json").read_text())
    places = ["input", "layer 1", "layer 2"]
    assert [(point["epoch"], point["place"]) for point in content["points"]] == [(e, p) for e in (0, 2) for p in places]
    for point in content["points"]:
        assert 0 <= point["same"] <= 2
        assert point["margin"] == point["other"] - point["same"]
    last = {point["place"]: point for point in content["points"] if point["epoch"] == 2}
    assert [row["same class"]["measured"] for row in content["rows"]] == [last[place]["same"] for place in places]
    assert len(content["claims"]) == 5
    printed = capsys.readouterr().out
    for claim in content["claims"]:
        assert f"{'yes' if claim['holds'] else 'no':<5}{claim['claim']}: " in printed
    assert imread(tmp_path / "figure-3.png").std() > 0.01
    assert (tmp_path / "figure-3.pdf").stat().st_size > 1000

    (checkpoint,) = (tmp_path / "runs").glob("*/checkpoint-last.npz")
    before = checkpoint.stat().st_mtime_ns
    figure_3.reproduce("smoke", tmp_path, CPU, quiet=True)
    assert checkpoint.stat().st_mtime_ns == before
    assert json.loads((tmp_path / "figure-3.json").read_text())["points"] == content["points"]
