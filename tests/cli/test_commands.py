"""What the commands answer when all is well."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import yaml

from ctsigprop import __version__
from ctsigprop.errors import RunFailure
from ctsigprop.experiments.cli import flags, train
from ctsigprop.experiments.cli.bench import BENCHMARKS
from ctsigprop.experiments.cli.flags import settings_given
from ctsigprop.experiments.cli.parser import parse
from ctsigprop.experiments.paper.hardware import Hardware
from ctsigprop.experiments.paper.tables import table_1
from ctsigprop.experiments.paper.tables.efficiency import settings_of
from ctsigprop.runs import RunFolder
from ctsigprop.settings import Settings
from ctsigprop.settings.config import read_settings, settings_from, to_values, to_yaml

Command = Callable[..., SimpleNamespace]

SMALL = ("--network.hidden", "[8]", "--data.limit", "60", "--training.threads", "1", "--quiet")


def test_without_arguments_it_shows_an_example_that_works(ctsigprop: Command) -> None:
    answer = ctsigprop()
    assert answer.status == 0
    lines = [shlex.split(line) for line in answer.out.splitlines() if line.startswith("    ctsigprop ")]
    assert {line[1] for line in lines} == {"train", "simulate", "align", "data"}
    for line in lines:
        if line[1] == "train":
            assert ctsigprop(*line[1:], "--help").status == 0


def test_version(ctsigprop: Command) -> None:
    assert ctsigprop("--version").out == f"ctsigprop {__version__}\n"


def test_help_lists_the_commands(ctsigprop: Command) -> None:
    answer = ctsigprop("--help")
    assert answer.status == 0
    for command in ("train", "simulate", "align", "sweep", "reproduce", "report", "data", "bench"):
        assert f"    {command} " in answer.out


def test_help_of_train_lists_every_setting_with_its_meaning(ctsigprop: Command) -> None:
    text = ctsigprop("train", "--help").out
    for group, content in to_values(Settings()).items():
        for name in content:
            assert f"--{group}.{name}" in text
    assert "learning rate of each forward connection" in text


@pytest.mark.parametrize(
    "arguments", [["--help"], ["train", "--help"], ["reproduce", "--help"], ["train", "--network.hiden", "[3]"], []]
)
def test_the_parser_loads_no_heavy_package(arguments: list[str]) -> None:
    script = (
        "import sys\nfrom ctsigprop.experiments.cli import main\n"
        f"try: main({arguments!r})\nexcept SystemExit: pass\n"
        "print(sorted({'numba', 'numpy', 'scipy', 'torch', 'matplotlib'} & set(sys.modules)))"
    )
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert output.splitlines()[-1] == "[]"


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["bench"], ["reproduce", "--help"], ["xyz"]])
def test_what_takes_no_settings_builds_no_flags_of_them(arguments: list[str]) -> None:
    script = (
        "import sys\nfrom ctsigprop.experiments.cli import main\n"
        f"try: main({arguments!r})\nexcept SystemExit: pass\n"
        "print(sorted({'jsonargparse', 'numpy'} & set(sys.modules)))"
    )
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert output.splitlines()[-1] == "[]"


def test_started_as_a_module_in_the_root_of_the_checkout() -> None:
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "ctsigprop", "data", "list"]
    answer = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    assert "digits" in answer.stdout


def test_bench_without_a_name_lists_the_benchmarks(ctsigprop: Command) -> None:
    answer = ctsigprop("bench")
    assert answer.status == 0
    names = ["convolution", "parallel", "solvers", "spiking", "spiking-memory", "sweep", "training"]
    assert [line.split()[0] for line in answer.out.splitlines()] == names


def test_bench_training_needs_a_run_of_enough_samples(ctsigprop: Command, refused: Callable[..., None]) -> None:
    flags = ("--data.limit", "60", "--network.hidden", "[8]", "--training.epochs", "1", "--training.keep", "[1]")
    assert ctsigprop("train", *flags, "--run-dir", "runs/mnist", "--quiet").status == 0
    refused(["bench", "training"], "runs/mnist: trains on 60 samples: the benchmark needs 8000")


def test_bench_prints_a_table_and_writes_its_figures(
    ctsigprop: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    benchmark = SimpleNamespace(run=lambda quick: {"quick": quick, "ratio": 5.5}, table=lambda figures: "ratio 5.5")
    monkeypatch.setitem(sys.modules, "ctsigprop.benchmarks.solvers", benchmark)
    answer = ctsigprop("bench", "solvers", "--quick", "--output", "figures.json")
    assert (answer.status, answer.out) == (0, "ratio 5.5\n")
    assert json.loads((tmp_path / "figures.json").read_text()) == {"quick": True, "ratio": 5.5}


def test_bench_draws_a_benchmark_that_has_a_drawing_beside_its_figures(
    ctsigprop: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def draw(figures: dict[str, float], path: Path) -> Path:
        path.write_text(f"a drawing of {figures['ratio']}")
        return path

    benchmark = SimpleNamespace(run=lambda quick: {"ratio": 5.5}, table=lambda figures: "ratio 5.5", draw=draw)
    monkeypatch.setitem(sys.modules, "ctsigprop.benchmarks.spiking_memory", benchmark)
    assert ctsigprop("bench", "spiking-memory").out == "ratio 5.5\n"
    assert not list(tmp_path.iterdir())
    answer = ctsigprop("bench", "spiking-memory", "--output", "figures.json")
    assert (answer.status, answer.out) == (0, "ratio 5.5\nfigures.png\n")
    assert (tmp_path / "figures.png").read_text() == "a drawing of 5.5"


@pytest.mark.parametrize("name", list(BENCHMARKS))
def test_a_benchmark_has_a_table_and_no_drawing_but_its_own(name: str) -> None:
    benchmark = import_module(f"ctsigprop.benchmarks.{name.replace('-', '_')}")
    assert callable(benchmark.run)
    assert benchmark.table.__module__ == benchmark.__name__
    assert getattr(benchmark, "draw", benchmark.table).__module__ == benchmark.__name__


def test_a_missing_extra_is_named(ctsigprop: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(quick: bool) -> None:
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setitem(sys.modules, "ctsigprop.benchmarks.solvers", SimpleNamespace(run=run))
    answer = ctsigprop("bench", "solvers")
    assert answer.status == 2
    assert answer.err == "ctsigprop: error: torch is not installed: pip install 'ctsigprop[torch]'\n"


def test_train_writes_the_whole_run_folder_and_says_where_the_figures_are(ctsigprop: Command, tmp_path: Path) -> None:
    answer = ctsigprop("train", *SMALL, "--training.epochs", "2")
    folder = Path("runs/digits-sigprop_loop-001")
    assert answer.status == 0, answer.err
    assert answer.out.splitlines()[0] == f"run in {folder}"
    assert answer.out.splitlines()[-1] == f"figures in {folder / 'figures'}"
    assert sorted(path.name for path in (tmp_path / folder).iterdir() if path.name != ".lock") == [
        "checkpoint-best.npz",
        "checkpoint-last.npz",
        "config.yaml",
        "data.json",
        "figures",
        "metrics.jsonl",
        "summary.json",
    ]
    figures = {path.name for path in (folder / "figures").iterdir()}
    assert figures == {f"{name}.png" for name in ("errors", "phases", "angles", "weights", "predictions")}
    rows = RunFolder.open(folder).metrics()
    assert [row["epoch"] for row in rows] == [1, 2]
    best = min(reversed(rows), key=lambda row: row["validation_error"])
    summary = json.loads((folder / "summary.json").read_text())
    assert (summary["best_epoch"], summary["test_error"]) == (best["epoch"], best["test_error"])
    assert summary.keys() >= {"final_train_error", "seconds", "packages", "git_revision", "seed", "cpu"}


@pytest.mark.parametrize(
    ("flags", "group", "expected"),
    [
        ("--network.hidden 8", "network", {"hidden": (8,)}),
        ("--network.hidden 8e0 --network.loops 1", "network", {"hidden": (8,), "loops": (1,)}),
        ("--network.hidden [8,6] --network.loops all", "network", {"hidden": (8, 6), "loops": "all"}),
        ("--network.hidden [8,6] --learning.fixed loop", "learning", {"rates": (4.0, 0.346, 0.03), "fixed": ("loop",)}),
        ("--network.hidden 8 --learning.rates 1e-3", "learning", {"rates": (0.001,)}),
        ("--network.hidden 8 --training.seed 1e3 --training.keep 2e0", "training", {"seed": 1000, "keep": (2,)}),
    ],
)
def test_a_value_may_be_written_as_people_do(flags: str, group: str, expected: dict[str, Any]) -> None:
    _, options = parse(["train", "--data.limit", "6e1", *flags.split()])
    settings = settings_given(options, "continuous")
    assert settings.data.limit == 60
    assert {name: getattr(getattr(settings, group), name) for name in expected} == expected
    assert yaml.safe_load(to_yaml(settings))["learning"]["rates"] == list(settings.learning.rates)


LINE = r"epoch {}/2: errors train \d+\.\d\d %, validation \d+\.\d\d %, test \d+\.\d\d %; \d+(\.\d)? s{}"


@pytest.mark.parametrize(
    "flags",
    [
        ["--network.hidden", "[8]"],
        ["--family", "discrete", "--network.hidden", "[8]"],
        ["--family", "spiking", "--network.channels", "[2, 2]", "--network.units", "4"],
    ],
    ids=("continuous", "discrete", "spiking"),
)
def test_a_line_an_epoch_where_output_is_no_terminal(ctsigprop: Command, flags: list[str]) -> None:
    small = ("--data.limit", "60", "--training.epochs", "2", "--training.threads", "1", "--run-dir", "run")
    answer = ctsigprop("train", *flags, *small)
    assert answer.status == 0, answer.err
    lines = [line for line in answer.out.splitlines() if line.startswith("epoch")]
    assert len(lines) == 2
    assert re.fullmatch(LINE.format(1, r", \d+(\.\d)? s left"), lines[0])
    assert re.fullmatch(LINE.format(2, ""), lines[1])
    quiet = ctsigprop("train", "--resume", "--run-dir", "run", "--training.epochs", "2", "--quiet")
    assert "epoch 2/2" not in quiet.out


def test_compiling_is_announced_once(tmp_path: Path) -> None:
    script = (
        "from ctsigprop.experiments.cli import main\n"
        f"for run in ('one', 'two'): main(['train', *{SMALL[:-1]}, '--training.epochs', '1', '--run-dir', run])"
    )
    cache = tmp_path / "cache"
    environment = os.environ | {"NUMBA_CACHE_DIR": str(cache)}
    command = [sys.executable, "-c", script]
    answer = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert answer.stdout.count("compiling, once") == 1
    assert list(cache.rglob("kernels.settle-*.nbc"))  # by which the next process knows


def test_the_next_run_gets_the_next_folder(ctsigprop: Command) -> None:
    for number in ("001", "002"):
        answer = ctsigprop("train", *SMALL, "--training.epochs", "1")
        assert answer.out.splitlines()[0] == f"run in runs/digits-sigprop_loop-{number}"


def test_the_config_of_a_run_repeats_it(ctsigprop: Command, run: Path) -> None:
    assert ctsigprop("train", "--config", "run/config.yaml", "--run-dir", "again", "--quiet").status == 0
    first, again = RunFolder.open(run), RunFolder.open(run.with_name("again"))
    assert again.settings() == first.settings()
    assert [row["test_error"] for row in again.metrics()] == [row["test_error"] for row in first.metrics()]


def test_flags_win_over_the_file_wherever_they_stand(ctsigprop: Command, tmp_path: Path) -> None:
    values = {"network": {"hidden": [5]}, "training": {"epochs": 9, "threads": 1}, "data": {"limit": 60}}
    (tmp_path / "file.yaml").write_text(yaml.safe_dump(values))
    order = ["--training.epochs", "1", "--config", "file.yaml", "--run-dir", "run", "--quiet"]
    assert ctsigprop("train", *order).status == 0
    settings = RunFolder.open(Path("run")).settings()
    assert settings == settings_from({**values, "training": {"epochs": 1, "threads": 1}})


def test_a_shipped_config_is_known_by_its_name(
    ctsigprop: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = tmp_path / "configs"
    shipped.mkdir()
    (shipped / "tiny.yaml").write_text("network: {hidden: [8]}\ntraining: {epochs: 1}\n")
    monkeypatch.setattr(flags, "CONFIGS", shipped)
    assert ctsigprop("train", "--config", "tiny", "--data.limit", "60", "--run-dir", "run", "--quiet").status == 0
    assert RunFolder.open(Path("run")).settings().network.hidden == (8,)
    assert "give a YAML file, or one of tiny" in ctsigprop("train", "--config", "tinny").err


def test_every_shipped_config_is_valid_and_says_nothing_in_vain() -> None:
    for path in flags.CONFIGS.glob("*.yaml"):
        inactive = read_settings(path).inactive
        content = yaml.safe_load(path.read_text())
        content.pop("family", None)
        assert not {(group, name) for group, names in content.items() for name in names} & inactive.keys(), path


def test_the_shipped_vgg8b_is_table_1_s() -> None:
    shipped = read_settings(flags.CONFIGS / "cifar-10-vgg8b-sp.yaml")
    measured = settings_of(table_1.STUDY, "SP", "full", Hardware(1))
    for group in ("network", "learning", "target"):
        assert getattr(shipped, group) == getattr(measured, group)


def test_more_epochs_go_on_where_the_run_ended(ctsigprop: Command, run: Path) -> None:
    before = RunFolder.open(run).metrics()
    answer = ctsigprop("train", "--resume", "--run-dir", "run", "--training.epochs", "3", "--quiet")
    assert answer.status == 0, answer.err
    after = RunFolder.open(run)
    assert after.metrics()[:2] == before
    assert [row["epoch"] for row in after.metrics()] == [1, 2, 3]
    assert after.settings().training.epochs == 3


def fails_to_save(monkeypatch: pytest.MonkeyPatch, kind: str, epoch: int) -> None:
    """Lets the disk be full when a checkpoint of an epoch is to be saved."""
    save = RunFolder.save_checkpoint

    def saving(self: RunFolder, saved: str, arrays: Any, meta: Any) -> None:
        if (saved, meta["epoch"]) == (kind, epoch):
            raise RunFailure("the disk is full")
        save(self, saved, arrays, meta)

    monkeypatch.setattr(RunFolder, "save_checkpoint", saving)


def test_a_failure_after_some_more_epochs_keeps_them_asked_for(
    ctsigprop: Command, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        fails_to_save(patch, "last", 4)
        answer = ctsigprop("train", "--resume", "--run-dir", "run", "--training.epochs", "5", "--quiet")
    assert (answer.status, RunFolder.open(run).settings().training.epochs) == (1, 5)
    assert ctsigprop("train", "--resume", "--run-dir", "run", "--quiet").status == 0
    assert [row["epoch"] for row in RunFolder.open(run).metrics()] == [1, 2, 3, 4, 5]


def test_a_failure_before_the_first_of_more_epochs_leaves_the_run_as_it_was(
    ctsigprop: Command, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails_to_save(monkeypatch, "last", 3)
    answer = ctsigprop("train", "--resume", "--run-dir", "run", "--training.epochs", "5", "--quiet")
    assert (answer.status, RunFolder.open(run).settings().training.epochs) == (1, 2)


@pytest.mark.parametrize("kind", ["best", "last", "epoch-1"])
def test_a_failure_in_the_first_epoch_leaves_a_folder_to_begin_in(
    ctsigprop: Command, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    begin = ("train", *SMALL, "--training.epochs", "1", "--training.keep", "[1]", "--run-dir", "run")
    with monkeypatch.context() as patch:
        fails_to_save(patch, kind, 1)
        assert ctsigprop(*begin).status == 1
    assert not Path("run").exists()
    assert ctsigprop(*begin).status == 0


def test_a_failure_that_nobody_foresaw_leaves_a_run_as_it_was(
    ctsigprop: Command, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def out_of_memory(*_: Any, **__: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(train, "train_in", out_of_memory)
    assert ctsigprop("train", "--resume", "--run-dir", "run", "--training.epochs", "5").status == 1
    assert RunFolder.open(run).settings().training.epochs == 2


def torch_s_own() -> RuntimeError:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    return caught.value


@pytest.mark.parametrize(
    "error",
    [MemoryError(), torch_s_own(), torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")],
    ids=("numpy", "torch", "cuda"),
)
def test_out_of_memory_is_one_line(
    refused: Callable[..., None], run: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def out_of_memory(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(train, "train_in", out_of_memory)
    refused(["train", "--resume", "--run-dir", str(run)], "out of memory: make the network's layers or", status=1)


def test_any_other_error_of_the_program_s_is_shown_whole(
    ctsigprop: Command, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(*_: Any, **__: Any) -> None:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(train, "train_in", wrong)
    with pytest.raises(RuntimeError, match="mat1"):
        ctsigprop("train", "--resume", "--run-dir", "run")


def test_a_polite_kill_outside_of_training_is_an_interruption(
    ctsigprop: Command, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(train, "draw_figures", lambda *_: signal.raise_signal(signal.SIGTERM))
    answer = ctsigprop("train", "--resume", "--run-dir", "run", "--quiet")
    advice = "interrupted: go on with `ctsigprop train --resume --run-dir run`"
    assert (answer.status, answer.err) == (130, f"ctsigprop: {advice}\n")
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_reader_that_goes_away_is_no_error() -> None:
    script = Path(sys.executable).with_name("ctsigprop")
    answer = subprocess.run(["bash", "-c", f"'{script}' train --help | head -n 1"], capture_output=True, text=True)
    assert answer.stdout.startswith("usage: ctsigprop train")
    assert "Traceback" not in answer.stderr
