"""`ctsigprop report`: what it finds, what the page says of it, and what a browser makes of the page."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from ctsigprop.experiments.cli import main
from ctsigprop.experiments.cli.report import FOLDERS
from ctsigprop.experiments.paper.figure_4.claims import LEAST, SIMILAR
from ctsigprop.experiments.paper.figure_4.series import ANGLES
from ctsigprop.experiments.paper.table import Cell, Table, write_table
from ctsigprop.experiments.report.album import embedded
from ctsigprop.experiments.report.chart import BOTTOM, LEFT, MOST_POINTS, RIGHT, TOP, chart, charts
from ctsigprop.experiments.report.columns import NOTHING, columns
from ctsigprop.experiments.report.gather import Found, gather
from ctsigprop.experiments.report.paper import PAPER, difference, measured
from ctsigprop.experiments.report.render import page
from ctsigprop.experiments.report.run import Run, read_run
from ctsigprop.runs import OUTCOME, RunFolder
from ctsigprop.settings import (
    AnySettings,
    DataSettings,
    DiscreteSettings,
    LearningSettings,
    NetworkSettings,
    NudgingSettings,
    Settings,
    SpikingSettings,
    TrainingSettings,
)
from ctsigprop.settings.spiking import SpikingDataSettings, SpikingLearningSettings

Command = Callable[..., Any]

HOSTILE = '<img src=x onerror="alert(1)">&'
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b550000000a49444154789c63600000000200014898"
    "9e710000000049454e44ae426082"
)
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs of two epochs on digits, one of them with a name that is also HTML."""
    folder = tmp_path_factory.mktemp("trained") / "runs"
    small = ["--data.limit", "200", "--network.hidden", "[16]", "--training.epochs", "2", "--training.threads", "1"]
    for name, beta in (("first", "1"), (HOSTILE, "0.5")):
        arguments = ["train", *small, "--nudging.beta", beta, "--run-dir", str(folder / name), "--quiet"]
        assert main(arguments) == 0
    return folder


@pytest.fixture
def everything(trained: Path, tmp_path: Path) -> Path:
    """The runs, an unfinished one, a broken one, a sweep with a failed point, and a reproduction."""
    shutil.copytree(trained, tmp_path / "runs")
    write_run(tmp_path / "runs" / "unfinished", Settings(), epochs=3, finished=False)
    broken = write_run(tmp_path / "runs" / "broken", Settings(), epochs=1)
    (broken / "metrics.jsonl").write_text("{]\n")
    write_sweep(tmp_path / "sweeps" / "beta")
    write_reproduction(tmp_path / "reproductions" / "figure-4")
    return tmp_path


def write_run(path: Path, settings: AnySettings, *, epochs: int, finished: bool = True, test: float = 3.0) -> Path:
    """A run folder with errors that fall by one percent an epoch to `test`."""
    with RunFolder.create(path, settings) as run:
        errors = [test + epochs - epoch for epoch in range(1, epochs + 1)]
        run.write_metrics([row(epoch, error) for epoch, error in enumerate(errors, start=1)])
        if finished:
            run.write_summary(dict.fromkeys(OUTCOME, 1.0) | {"epochs": epochs, "seed": settings.training.seed})
        (path / "figures").mkdir()
        (path / "figures" / "errors.png").write_bytes(PIXEL)
    return path


def row(epoch: int, error: float) -> dict[str, Any]:
    return {
        "epoch": epoch,
        "train_error": error - 1,
        "validation_error": error,
        "test_error": error,
        "seconds": 0.5,
        "loop_gain": 0.3,
        "angles": {"W12 vs W21": 80.0 - epoch},
        "warnings": {"loop_gain": "the loop gain has passed 1"} if epoch == 1 else {},
    }


def write_sweep(path: Path) -> None:
    """Two points that are there and one that failed."""
    for seed, name in enumerate(("110c25a3744c", "71b9a0b5c2de")):
        settings = Settings(training=TrainingSettings(epochs=2, seed=seed))
        write_run(path / "points" / name, settings, epochs=2, test=4.0 + seed)
    failure = {"point": "c0ffee123456", "error": "weights are no longer\nfinite", "settings": {}}
    (path / "points" / "c0ffee123456.error.json").write_text(json.dumps(failure))
    (path / "sweep.yaml").write_text("grid:\n  training.seed: [0, 1, 2]\n")
    (path / "summary.csv").write_text(
        "nudging.beta,n,test_error_mean,test_error_sd,seconds_mean,seconds_sd\n1.0,2,4.5,0.707,1.0,\n"
    )
    (path / "figures").mkdir()
    (path / "figures" / "test-error.png").write_bytes(PIXEL)


def write_reproduction(path: Path) -> None:
    ends = {angle: {"degrees": 50.0 + place, "error_bar": 1.0} for place, angle in enumerate(ANGLES)}
    pairs = {angle: {"learned": 50.0, "fixed": 70.0, "fixed_less_learned": 20.0, "allowed": 10.0} for angle in ANGLES}
    claims = [
        {"claim": LEAST, "measure": "signals", "runs": ["learned"], "numbers": ends, "holds": True},
        {"claim": SIMILAR, "measure": "signals", "runs": ["learned", "fixed"], "numbers": pairs, "holds": False},
    ]
    write_run(path / "runs" / "learned", Settings(training=TrainingSettings(epochs=2)), epochs=2)
    report = {"scale": "smoke", "differences": ["too small to judge"], "missing": ["fixed-W12"], "claims": claims}
    (path / "figure-4.json").write_text(json.dumps(report))
    (path / "figure-4.png").write_bytes(PIXEL)
    (path / "gradient.png").write_bytes(PIXEL)


class Elements(HTMLParser):
    """Tags, attributes and text of a page; every element that must be closed is."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "img", "input"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_it_finds_runs_sweeps_and_reproductions(everything: Path) -> None:
    found = gather([everything / "runs", everything / "sweeps", everything / "reproductions"])
    assert {run.name for run in found.runs} == {"runs/first", f"runs/{HOSTILE}", "runs/unfinished"}
    (sweep,) = found.sweeps
    assert (sweep.name, len(sweep.points), len(sweep.figures)) == ("sweeps/beta", 2, 1)
    assert sweep.failures == {"c0ffee123456": "weights are no longer finite"}
    assert [point.name for point in sweep.points] == ["beta/110c25a3744c", "beta/71b9a0b5c2de"]
    (reproduction,) = found.reproductions
    assert [claim.holds for claim in reproduction.claims] == [True, False]
    assert [path.name for path in reproduction.figures] == ["figure-4.png", "gradient.png"]
    assert [run.path.name for run in reproduction.runs] == ["learned"]
    (line,) = found.broken
    assert "broken/metrics.jsonl, line 1: is not JSON" in line


def test_a_reproduced_table_is_shown_as_it_was_printed(tmp_path: Path) -> None:
    folder = tmp_path / "reproductions" / "table-6"
    cells = {"network": "FC 2x800", "SP": Cell(1.694, 1.71, 0.016, 0.03)}
    write_table(folder, Table("table-6", "test error", tuple(cells), [cells], ["30 epochs"]), {"scale": "smoke"})
    settings = DiscreteSettings()
    write_run(folder / "runs" / "sp", settings, epochs=2)
    found = gather([tmp_path])
    (table,) = found.tables
    assert (table.title, table.scale, table.differences) == ("Table 6", "smoke", ("30 epochs",))
    assert table.rows == (("FC 2x800", "1.69 ± 0.02 [1.71 ± 0.03]"),)
    text = Elements(page(found, [tmp_path])).text
    for words in ("Table 6: ", "1.69 ± 0.02 [1.71 ± 0.03]", "30 epochs", "64-256-256-10"):
        assert words in text
    (folder / "table-6.json").write_text(json.dumps({"columns": ["network", "SP"], "texts": [["one"]]}))
    assert "table-6.json: is not as this version writes it" in gather([tmp_path]).broken[0]


def test_a_run_of_spiking_neurons_says_what_it_is(tmp_path: Path) -> None:
    settings = SpikingSettings(learning=SpikingLearningSettings("sp-voltage"))
    run = read_run(write_run(tmp_path / "run", settings, epochs=2), "run")
    cells = {column.key: column.cell(run).text for column in columns()}
    first, second = settings.network.channels
    assert cells["network"] == f"{first}c3-{second}c3-{settings.network.units}-10"
    assert (cells["learning"], cells["epochs"], cells["beta"]) == ("sp-voltage", "2 of 64", NOTHING)
    text = Elements(page(Found(runs=(run,)), [tmp_path])).text
    assert "learning.model = sp-voltage default sp-surrogate" in " ".join(text.split())


def test_a_run_on_recordings_is_called_by_their_folder(tmp_path: Path) -> None:
    settings = SpikingSettings(SpikingDataSettings(limit=50, events="recordings/hands"))
    run = read_run(write_run(tmp_path / "run", settings, epochs=2), "run")
    cells = {column.key: column.cell(run).text for column in columns()}
    assert (cells["dataset"], cells["network"]) == ("hands, first 50", "32c3-64c3-256")


def test_a_folder_that_is_reached_twice_is_taken_once(everything: Path) -> None:
    twice = gather([everything / "runs", everything / "runs" / "first", everything])
    assert len(twice.runs) == 3
    assert len(twice.sweeps) == len(twice.reproductions) == len(twice.broken) == 1


def test_nothing_is_written_where_it_looks(everything: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in everything.rglob("*")}
    page(gather([everything]), [everything])
    assert {path: path.stat().st_mtime_ns for path in everything.rglob("*")} == before


def test_what_came_out_is_what_training_said(trained: Path) -> None:
    run = read_run(trained / "first", "first")
    summary = json.loads((trained / "first" / "summary.json").read_text())
    assert run.outcome is not None and run.finished
    assert run.outcome.best_epoch == summary["best_epoch"]
    assert run.outcome.validation == summary["best_validation_error"]
    assert run.outcome.test == summary["test_error"]
    assert run.outcome.train == summary["final_train_error"]
    assert run.outcome.seconds == pytest.approx(summary["seconds"])
    (trained / "first" / "metrics.jsonl").rename(trained / "kept")
    try:
        assert read_run(trained / "first", "first").outcome == run.outcome
    finally:
        (trained / "kept").rename(trained / "first" / "metrics.jsonl")


def test_a_run_without_its_settings(trained: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(trained / "first", tmp_path / "run")
    (folder / "config.yaml").unlink()
    run = read_run(folder, "run")
    assert run.settings is None and run.finished
    assert "the folder holds no" in Elements(page(Found(runs=(run,)), [tmp_path])).text


def test_a_run_that_was_given_more_epochs_is_not_finished(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", Settings(training=TrainingSettings(epochs=5)), epochs=2)
    run = read_run(folder, "run")
    assert not run.finished
    assert {column.key: column.cell(run).text for column in columns()}["epochs"] == "2 of 5"
    assert "Unfinished: 2 of 5 epochs have ended." in page(Found(runs=(run,)), [tmp_path])


BROKEN = {
    "metrics.jsonl": ['{"epoch": 1}', "[1]", "{", '{"epoch": "<b>"}', json.dumps(row(1, 2.0) | {"angles": [1]})],
    "summary.json": ["[]", "{"],
    "config.yaml": ["data: {name: nothing}", "data: [", "nonsense: {}"],
}


@pytest.mark.parametrize(("file", "content"), [(file, text) for file, texts in BROKEN.items() for text in texts])
def test_a_broken_run_is_one_line(tmp_path: Path, file: str, content: str) -> None:
    folder = write_run(tmp_path / "run", Settings(), epochs=1)
    (folder / file).write_text(content)
    found = gather([tmp_path])
    (line,) = found.broken
    assert not found.runs
    assert file in line and "\n" not in line


@pytest.mark.parametrize("content", ["{}", "[", '{"claims": [{"claim": "?"}]}', '{"claims": 3}'])
def test_a_broken_reproduction_is_one_line_and_keeps_its_runs(tmp_path: Path, content: str) -> None:
    write_reproduction(tmp_path)
    (tmp_path / "figure-4.json").write_text(content)
    found = gather([tmp_path])
    assert (len(found.runs), len(found.reproductions), len(found.broken)) == (1, 0, 1)


LOOPS = [
    (NetworkSettings(), LearningSettings(), "learned"),
    (NetworkSettings(), LearningSettings(fixed=("loop",)), "fixed"),
    (NetworkSettings(), LearningSettings(fixed=("W21",)), "fixed"),
    (NetworkSettings(), LearningSettings(fixed=("W12",)), "learned, W12 fixed"),
    (NetworkSettings(hidden=(8, 8), loops=(1, 2)), LearningSettings(rates=(1,), fixed=("W32",)), "learned, W32 fixed"),
    (NetworkSettings("symmetric_ep"), LearningSettings(), "symmetric weights"),
    (NetworkSettings("random_feedback_ep"), LearningSettings(fixed=("W21",)), "random feedback, W21 fixed"),
]


@pytest.mark.parametrize(("network", "learning", "words"), LOOPS)
def test_the_loop_in_words(network: NetworkSettings, learning: LearningSettings, words: str) -> None:
    run = Run("run", Path("run"), Settings(network=network, learning=learning), (), {}, None, ())
    shown = {column.key: column.cell(run).text for column in columns()}
    assert shown["loop"] == words
    assert shown["network"] == "-".join(map(str, (64, *network.hidden, 10)))
    assert shown["test"] == shown["warnings"] == "\N{EN DASH}"


def mnist_run(tmp_path: Path, seed: int, test: float, **changes: Any) -> Run:
    settings = Settings(
        data=DataSettings("mnist"),
        network=NetworkSettings(hidden=(1500, 1500)),
        learning=LearningSettings(rates=(1.0,)),
        training=TrainingSettings(epochs=2, seed=seed),
    )
    settings = replace(settings, **changes)
    name = f"run-{len(list(tmp_path.iterdir()))}"
    return read_run(write_run(tmp_path / name, settings, epochs=settings.training.epochs, test=test), name)


def test_runs_of_a_published_network_are_pooled_over_seeds(tmp_path: Path) -> None:
    runs = [
        *(mnist_run(tmp_path, seed, 1.8 + seed / 10) for seed in range(3)),
        mnist_run(tmp_path, 0, 1.8),  # a copy
        mnist_run(tmp_path, 0, 7.0, nudging=NudgingSettings(beta=0.5)),
        mnist_run(tmp_path, 0, 9.0, training=TrainingSettings(epochs=1)),
        mnist_run(tmp_path, 0, 9.0, data=DataSettings("mnist", limit=10)),
        mnist_run(tmp_path, 0, 9.0, data=DataSettings("fashion-mnist", limit=10)),
        mnist_run(tmp_path, 0, 9.0, learning=LearningSettings(rates=(1.0,), fixed=("loop",))),
        mnist_run(tmp_path, 0, 9.0, network=NetworkSettings("symmetric_ep", hidden=(1500, 1500))),
    ]
    pooled, other = measured(PAPER[0], runs)
    assert list(pooled.runs) == runs[:3]
    assert pooled.error("test") == pytest.approx(1.9)
    assert pooled.spread("test") == pytest.approx(0.1)
    assert (other.error("test"), other.spread("test")) == (7.0, None)
    assert measured(PAPER[1], runs) == measured(PAPER[2], runs) == []


def test_the_difference_from_the_paper() -> None:
    mnist = PAPER[0]
    assert [difference(mnist, "test", error) for error in (1.78, 1.85, 1.904, 1.906)] == [
        "\N{MINUS SIGN}0.07",
        "as published",
        "as published",
        "+0.01",
    ]


def places(path: str) -> list[list[tuple[float, float]]]:
    """Points of each stroke of an SVG path."""
    return [[tuple(map(float, point.split())) for point in stroke.split("L")] for stroke in path.split("M")[1:]]


def test_a_chart_goes_straight_from_value_to_place() -> None:
    drawn = chart("angle", [1, 2, 3], {"a": [0.0, 45.0, 90.0], "b": [90.0, None, float("nan")], "none": [None] * 3})
    assert drawn is not None
    (straight,), ((point,),) = (places(line.path) for line in drawn.lines)
    (x1, y1), (x2, y2), (x3, y3) = straight
    assert (x1, x3, y1) == (LEFT, RIGHT, BOTTOM)
    assert (x2, y2) == pytest.approx(((x1 + x3) / 2, (y1 + y3) / 2), abs=0.06)
    assert y3 >= TOP and point == (x1, y3)
    assert [(line.name, line.last) for line in drawn.lines] == [("a", "90.0"), ("b", "90.0")]
    assert (BOTTOM, "0") in drawn.y_ticks


def test_a_log_chart_puts_equal_ratios_at_equal_distances_and_zero_at_its_foot() -> None:
    drawn = chart("error", [1, 2, 3, 4], {"train": [100.0, 10.0, 1.0, 0.0]}, log=True)
    assert drawn is not None
    ((first, second, third, fourth),) = places(drawn.lines[0].path)
    assert second[1] - first[1] == pytest.approx(third[1] - second[1], abs=0.11)
    assert third[1] == fourth[1] == BOTTOM


def test_a_chart_of_many_epochs_is_thinned_to_its_ends() -> None:
    epochs = list(range(1, 5001))
    drawn = chart("error", epochs, {"train": [1.0 * epoch for epoch in epochs]})
    assert drawn is not None
    (line,) = places(drawn.lines[0].path)
    assert len(line) <= MOST_POINTS + 1
    assert (line[0][0], line[-1][0], drawn.lines[0].dots) == (LEFT, RIGHT, "")


def test_a_run_of_one_epoch_has_charts_of_dots() -> None:
    drawn = charts([row(1, 2.0)])
    assert [one.title for one in drawn] == ["error (%)", "angle between matrices (degrees)", "largest loop gain"]
    assert all(line.dots for one in drawn for line in one.lines)
    assert charts([]) == []


def test_what_a_probe_measured_is_drawn() -> None:
    probe = {
        "signals": {"W12 vs W21": {"samples": 0, "mean": None, "standard_deviation": None}},
        "gradient": {"W01": {"cosine": 0.5, "norm_ratio": 2.0}},
    }
    titles = [one.title for one in charts([row(1, 2.0) | {"probe": probe}])]
    assert "cosine with the exact gradient" in titles
    assert not any("signals" in title for title in titles)


def test_figures_fill_the_page_up_to_its_budget(tmp_path: Path) -> None:
    small, large, last = (tmp_path / name for name in ("small.png", "large.png", "last.png"))
    small.write_bytes(PIXEL)
    large.write_bytes(PIXEL * 100)
    last.write_bytes(PIXEL)
    size = len(next(iter(embedded([small], 10_000).values())))
    assert list(embedded([small, tmp_path / "gone.png", large, last], 2 * size)) == [small, last]


def test_the_page_stays_below_its_budget_and_says_what_it_leaves_out(everything: Path) -> None:
    (everything / "runs" / "first" / "figures" / "noise.png").write_bytes(PIXEL * 20_000)
    found = gather([everything])
    html = page(found, [everything], budget=1_000_000)
    assert len(html.encode()) < 1_000_000
    assert "Not on this page, to keep it small: <code>" in html
    assert html.count("data:image/png;base64,") > 5


def test_the_page_is_whole_and_asks_for_nothing(everything: Path) -> None:
    found = gather([everything])
    html = page(found, [everything])
    elements = Elements(html)
    identities = [attributes["id"] for _, attributes in elements.tags if "id" in attributes]
    assert len(identities) == len(set(identities))
    for link in elements.all("a"):
        assert (link["href"] or "").removeprefix("#") in identities
    for attributes in (attributes for _, attributes in elements.tags):
        assert not any(name.startswith("on") or name == "style" for name in attributes)
        assert not re.match("(https?:)?//", attributes.get("src") or attributes.get("href") or "")
    assert all(image["alt"] and (image["src"] or "").startswith("data:image/png") for image in elements.all("img"))
    assert len(elements.all("caption")) == len(elements.all("table"))
    shown = sum(len(run.figures) for run in found.every_run()) + 3
    assert len(elements.all("img")) == shown
    for words in (
        "not run here",
        "holds on 0 of 1",
        "Still to be trained: fixed-W12.",
        "weights are no longer finite",
        "4.50 \N{PLUS-MINUS SIGN} 0.71",
        "is not JSON",
        "Unfinished: 3 of 40 epochs have ended.",
        "In 1 epoch: the loop gain has passed 1",
        "network.hidden = [16]",
    ):
        assert words in elements.text


def test_a_name_that_is_html_stays_a_name(everything: Path) -> None:
    html = page(gather([everything]), [everything])
    assert HOSTILE not in html
    assert f"runs/{HOSTILE}" in Elements(html).text
    assert not any("onerror" in attributes for _, attributes in Elements(html).tags)


def test_the_command_looks_into_the_folders_that_are_here(ctsigprop: Command, everything: Path) -> None:
    answer = ctsigprop("report")
    assert (answer.status, answer.err) == (0, "")
    size = (everything / "report.html").stat().st_size
    assert answer.out == (
        f"report.html: 3 runs, 1 sweep of 2 points, 1 reproduction of 1 run, 1 folder that cannot be read; "
        f"{size / 1e6:.2f} MB\n"
    )


REFUSED = [
    ("report", "report: none of runs, sweeps, reproductions is here: name a folder"),
    ("report nowhere", "nowhere: no such folder"),
    ("report empty", "empty: no run, sweep or reproduction in there"),
    ("report empty --output no/page.html", "--output = no/page.html: no such folder as no"),
    ("report empty --output empty", "--output = empty: is a folder"),
]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case[0])
def test_wrong_use_is_one_line(ctsigprop: Command, tmp_path: Path, case: tuple[str, str]) -> None:
    (tmp_path / "empty").mkdir()
    arguments, message = case
    answer = ctsigprop(*arguments.split())
    assert (answer.status, answer.out) == (2, "")
    assert message in answer.err and answer.err.count("\n") == 1
    assert not (tmp_path / "report.html").exists()


def browse(page_file: Path, view: str, profile: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    """Opens the page in a browser without a window and without a network."""
    assert BROWSER is not None
    command = [
        BROWSER,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--proxy-server=127.0.0.1:1",
        f"--user-data-dir={profile}",
        "--enable-logging=stderr",
        "--v=0",
        *flags,
        f"{page_file.as_uri()}{view}",
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


def rows_shown(html: str) -> list[str]:
    """Names of the runs that are not hidden, in their order."""
    bodies = re.findall(r"<tbody data-words=(.*?)</tbody>", html, re.DOTALL)
    shown = [body for body in bodies if not re.match(r'"[^"]*" hidden', body)]
    return [Elements(f"<p>{re.search('<button.*?</button>', body)[0]}</p>").text for body in shown]  # type: ignore[index]


@pytest.mark.skipif(BROWSER is None, reason="needs chromium")
def test_a_browser_sorts_filters_and_complains_of_nothing(everything: Path, tmp_path_factory: Any) -> None:
    profile = tmp_path_factory.mktemp("profile")
    file = everything / "report.html"
    found = gather([everything / name for name in FOLDERS])
    file.write_text(page(found, [everything]), encoding="utf-8")

    def view(hash: str) -> str:
        answer = browse(file, hash, profile, "--dump-dom")
        assert "CONSOLE" not in answer.stderr
        return answer.stdout

    tested = {run.name: run.outcome.test for run in found.every_run() if run.outcome}
    by_test = rows_shown(view("#sort=-test"))
    assert sorted(by_test) == sorted(tested)
    for group in ("runs/", "beta/"):
        errors = [tested[name] for name in by_test if name.startswith(group)]
        assert len(errors) > 1 and errors == sorted(errors, reverse=True)
    filtered = view("#filter=BETA%3D0.5+digits&sort=name")
    assert rows_shown(filtered) == [f"runs/{HOSTILE}"]
    assert "1 of 6 runs" in filtered and 'aria-sort="ascending"' in filtered
    unfolded = view("#run-1")
    assert "6 of 6 runs" in unfolded
    assert len(re.findall('<button[^>]*aria-expanded="true"', unfolded)) == 1
    assert '<tr class="more" id="more-1">' in unfolded
    picture = tmp_path_factory.mktemp("picture") / "page.png"
    browse(file, "", profile, f"--screenshot={picture}", "--window-size=400,1600")
    assert picture.stat().st_size > 20_000


@pytest.mark.skipif(BROWSER is None, reason="needs chromium")
def test_the_browser_would_tell_of_a_script_that_fails(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<!DOCTYPE html><script>missing()</script>")
    assert "CONSOLE" in browse(tmp_path / "page.html", "", tmp_path / "profile", "--dump-dom").stderr
