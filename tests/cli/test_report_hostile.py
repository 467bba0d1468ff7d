"""`ctsigprop report` over folders of a stranger's: every entry is shown or named as not readable, and it ends."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ctsigprop.experiments.report.gather import DEEPEST, MOST_DETAILED, gather
from ctsigprop.experiments.report.render import page
from ctsigprop.runs import OUTCOME, RunFolder
from ctsigprop.settings import Settings, TrainingSettings

Command = Callable[..., Any]

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b550000000a49444154789c63600000000200014898"
    "9e710000000049454e44ae426082"
)
SHORTEST_EMBEDDED = "data:image/png;base64,"


def row(number: int, **changes: Any) -> dict[str, Any]:
    errors = {"train_error": 1.0, "validation_error": 2.0, "test_error": 3.0, "seconds": 0.5}
    return {"epoch": number, **errors, "angles": {"W12": 80.0}, "warnings": {}, **changes}


def a_run(path: Path, *rows: dict[str, Any]) -> Path:
    with RunFolder.create(path, Settings(training=TrainingSettings(epochs=2))) as run:
        run.write_metrics(rows or [row(1), row(2)])
        run.write_summary(dict.fromkeys(OUTCOME, 1.0) | {"epochs": 2})
    (path / "figures").mkdir()
    (path / "figures" / "errors.png").write_bytes(PIXEL)
    return path


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder that holds a good run."""
    a_run(tmp_path / "runs" / "good")
    return tmp_path / "runs"


def reported(ctsigprop: Command, folder: Path) -> tuple[str, list[str]]:
    """The page, and the lines of what cannot be read; the good run is shown beside them."""
    answer = ctsigprop("report", str(folder), "--output", "page.html")
    assert (answer.status, answer.err) == (0, "")
    html = Path("page.html").read_text(encoding="utf-8")
    assert "runs/good</button>" in html
    return html, list(gather([folder]).broken)


DEEP, LARGE, HALF = "[" * 100_000, "9" * 400, "\\ud800"
TEXTS = [
    DEEP,
    '{"a": ' * 100_000,
    LARGE,
    f'{{"epochs": {LARGE}}}',
    f'"{HALF}"',
    "[" * 900 + "]" * 900,
    "nul\0",
    "\ufeff{}",
    "NaN",
    "1e999",
    "[]",
    "null",
]


@pytest.mark.parametrize("name", ["metrics.jsonl", "summary.json"])
@pytest.mark.parametrize("text", TEXTS, ids=lambda text: repr(text[:12]))
def test_a_text_that_no_run_writes_is_one_line(ctsigprop: Command, runs: Path, name: str, text: str) -> None:
    (a_run(runs / "bad") / name).write_text(text)
    _, (line,) = reported(ctsigprop, runs)
    assert f"bad/{name}" in line and len(line) < 600


@pytest.mark.parametrize(
    "changes",
    [
        {"epoch": 1e308},
        {"epoch": -1e308},
        {"epoch": 10**400},
        {"epoch": -1},
        {"epoch": 1.5},
        {"epoch": True},
        {"test_error": 10**400},
        {"test_error": -1e308},
        {"seconds": float("inf")},
        {"warnings": {"a": "\ud800"}},
        {"angles": {"\udfff": 1}},
        {"angles": {"a": 1e308}},
        {"losses": {"a": "b"}},
        {"exits": {"a": {"validation_error": [1]}}},
        {"probe": {"signals": {"a": {"mean": {}}}}},
        {"loop_gain": "large"},
    ],
    ids=repr,
)
def test_a_row_that_no_run_writes_is_one_line(ctsigprop: Command, runs: Path, changes: dict[str, Any]) -> None:
    folder = a_run(runs / "bad")
    (folder / "metrics.jsonl").write_text("".join(json.dumps(one) + "\n" for one in (row(1), row(2, **changes))))
    _, (line,) = reported(ctsigprop, runs)
    assert "bad/metrics.jsonl, line 2" in line and len(line) < 600


@pytest.mark.parametrize(
    "changes", [{"test_error": 1e99, "train_error": -1e99}, {"validation_error": 1e-300}, {"angles": {"a" * 9999: 1}}]
)
def test_odd_numbers_and_names_are_drawn(ctsigprop: Command, runs: Path, changes: dict[str, Any]) -> None:
    a_run(runs / "odd", row(7, **changes), row(2), row(2))
    html, broken = reported(ctsigprop, runs)
    assert "runs/odd</button>" in html and not broken


@pytest.mark.parametrize("name", ["config.yaml", "metrics.jsonl", "summary.json"])
@pytest.mark.parametrize("kind", ["pipe", "folder", "link out", "sparse"])
def test_what_is_no_file_of_the_run_is_one_line(ctsigprop: Command, runs: Path, name: str, kind: str) -> None:
    path = a_run(runs / "bad") / name
    (runs.parent / "secret").write_bytes(path.read_bytes())
    path.unlink()
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "link out":
            path.symlink_to(runs.parent / "secret")
        case "sparse":
            with path.open("wb") as file:
                file.truncate(1 << 36)
    html, broken = reported(ctsigprop, runs)
    (line,) = broken
    assert f"bad/{name}: cannot be read" in line and "runs/bad</button>" not in html


def test_figures_are_png_files_of_their_run(ctsigprop: Command, runs: Path) -> None:
    figures, secret = runs / "good" / "figures", runs.parent / "secret.png"
    secret.write_bytes(PIXEL + b"secret")
    (figures / "a-link.png").symlink_to(secret)
    (figures / "own-link.png").symlink_to("errors.png")
    (figures / "text.png").write_text("secret")
    (figures / "folder.png").mkdir()
    os.mkfifo(figures / "pipe.png")
    with (figures / "sparse.png").open("wb") as file:
        file.write(PIXEL)
        file.truncate(1 << 36)
    html, broken = reported(ctsigprop, runs)
    assert html.count(SHORTEST_EMBEDDED) == 2 and not broken
    for name, reason in {
        "a-link.png": "is a link that leads out of its folder",
        "text.png": "is no PNG file",
        "folder.png": "Is a directory",
        "pipe.png": "is no regular file",
    }.items():
        assert f"{figures / name}</code> {reason}" in html
    assert f"to keep it small: <code>{figures / 'sparse.png'}</code>" in html


def test_a_figures_folder_that_is_a_link_elsewhere_shows_nothing(ctsigprop: Command, runs: Path) -> None:
    shutil.move(runs / "good" / "figures", runs.parent / "elsewhere")
    (runs / "good" / "figures").symlink_to(runs.parent / "elsewhere")
    html, _ = reported(ctsigprop, runs)
    assert SHORTEST_EMBEDDED not in html and "errors.png</code> is a link that leads out of its folder" in html


def test_folders_without_end_are_one_line(ctsigprop: Command, runs: Path) -> None:
    folder = runs
    for _ in range(900):
        folder = folder / "d"
        folder.mkdir()
    _, (line,) = reported(ctsigprop, runs)
    assert line.endswith(f"lies more than {DEEPEST} folders deep: name it itself")
    (runs / "d" / "loop").symlink_to(runs)
    assert len(gather([runs]).broken) == 1


def test_a_name_that_is_no_text_is_one_line(ctsigprop: Command, runs: Path) -> None:
    os.rename(a_run(runs / "bad"), os.fsencode(runs) + b"/\xff\xfe")
    html, (line,) = reported(ctsigprop, runs)
    assert "its name is no UTF-8: rename it" in line
    assert r"\udcff\udcfe: its name is no UTF-8" in html


def a_sweep(path: Path) -> Path:
    a_run(path / "points" / "0123456789ab")
    (path / "sweep.yaml").write_text("grid:\n  training.seed: [0]\n")
    (path / "summary.csv").write_text("training.seed,n,test_error_mean\n0,1,2.0\n")
    return path


@pytest.mark.parametrize("text", [*TEXTS, '{"error": ["' + "x" * 9999 + '"]}'], ids=lambda text: repr(text[:12]))
def test_a_record_of_a_failure_is_a_line_whatever_it_holds(ctsigprop: Command, runs: Path, text: str) -> None:
    sweep = a_sweep(runs / "sweep")
    (sweep / "points" / "c0ffee.error.json").write_text(text)
    reported(ctsigprop, runs)
    (found,) = gather([sweep]).sweeps
    assert len(found.failures["c0ffee"]) < 600


@pytest.mark.parametrize("name", ["sweep.yaml", "summary.csv"])
@pytest.mark.parametrize("content", [b"\xff", b"link", b"a\0b" * 9, b'"' * 200_001, b"a," * 100_000], ids=range(5))
def test_a_sweep_keeps_its_points_where_it_cannot_be_read(
    ctsigprop: Command, runs: Path, name: str, content: bytes
) -> None:
    path = a_sweep(runs / "sweep") / name
    path.write_bytes(content)
    if content == b"link":
        path.unlink()
        (runs.parent / "secret").write_text("secret,words")
        path.symlink_to(runs.parent / "secret")
    html, broken = reported(ctsigprop, runs)
    assert "0123456789ab</button>" in html
    assert "secret,words" not in html and bool(broken) != bool(gather([runs]).sweeps)


CLAIM = {
    "claim": "the first hidden layer is the least aligned",
    "measure": "matrices",
    "runs": ["a"],
    "numbers": {"W31 vs W12*W23": {"degrees": 1.0}},
    "holds": True,
}


@pytest.mark.parametrize(
    "changes",
    [
        {"measure": ["signals"]},
        {"measure": "words"},
        {"claim": []},
        {"claim": "?"},
        {"runs": 3},
        {"holds": "yes"},
        {"holds": [1]},
        {"numbers": {"a": {"degrees": "x"}}},
        {"numbers": [1]},
        {"numbers": {"a": {"degrees": 10**299, "format": 3}}, "runs": [[1]], "holds": 1},
        {"more": 1},
    ],
    ids=repr,
)
def test_claims_that_no_reproduction_writes_are_one_line(
    ctsigprop: Command, runs: Path, changes: dict[str, Any]
) -> None:
    folder = runs / "figure-4"
    folder.mkdir()
    (folder / "figure-4.json").write_text(json.dumps({"claims": [CLAIM]}))
    assert not reported(ctsigprop, runs)[1]
    (folder / "figure-4.json").write_text(json.dumps({"claims": [CLAIM | changes]}))
    _, (line,) = reported(ctsigprop, runs)
    assert "figure-4.json: claims are not as this version writes them" in line


@pytest.mark.parametrize("name", ["figure-4.json", "table-6.json"])
@pytest.mark.parametrize("text", TEXTS, ids=lambda text: repr(text[:12]))
def test_a_reproduction_that_cannot_be_read_is_one_line(ctsigprop: Command, runs: Path, name: str, text: str) -> None:
    (runs / "reproduction").mkdir()
    (runs / "reproduction" / name).write_text(text)
    _, (line,) = reported(ctsigprop, runs)
    assert f"reproduction/{name}" in line


def test_of_many_runs_the_later_ones_are_a_row_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctsigprop.experiments.report.gather.MOST_DETAILED", 2)
    monkeypatch.setattr("ctsigprop.experiments.report.render.MOST_DETAILED", 2)
    for number in range(3):
        a_run(tmp_path / f"run-{number}", row(1, warnings={"a": "careful"}))
    found = gather([tmp_path])
    assert [len(run.rows) for run in found.runs] == [1, 1, 0]
    assert [(run.warned, run.warnings) for run in found.runs] == [(1, {"a": (1, "careful")})] * 3
    html = page(found, [tmp_path])
    assert html.count(SHORTEST_EMBEDDED) == 2
    assert "which shows those of 2 runs" in html and "of which it shows a row alone are not counted" in html
    assert MOST_DETAILED == 250
