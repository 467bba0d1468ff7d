"""The examples of docs/extending.md, library.md, device.md and convolution.md run as they are printed."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ctsigprop as ct
from ctsigprop.experiments.cli import main
from ctsigprop.settings import DataSettings, SolverSettings

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("extending", "library", "device", "convolution")
EXTENDING, LIBRARY, DEVICE, CONVOLUTION = ((DOCS / f"{name}.md").read_text(encoding="utf-8") for name in PAGES)
BLOCKS = re.findall(r"^## An? ([^\n]*)\n[^#]*?```python\n(.*?)```", EXTENDING, re.DOTALL | re.MULTILINE)
FIRST = re.findall(r"```python\n(.*?)```", EXTENDING, re.DOTALL)[0]
README = (DOCS.parent / "README.md").read_text(encoding="utf-8")
FROM_PYTHON = README[README.index("**From Python.**") : README.index("**Benchmarks**")]
MAIN, SWEEP = re.findall(r"```python\n(.*?)```", LIBRARY, re.DOTALL)
WORDS = {"firing-rate function", "cost", "architecture", "learning rule", "optimizer", "dataset", "solver", "figure"}


def test_every_kind_of_thing_is_added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(FIRST, names)
    assert {kind for kind, _ in BLOCKS} == WORDS
    for kind, example in BLOCKS:
        exec(example, names)
        errors = [row["train_error"] for row in names["run"].metrics]
        assert errors[-1] < errors[0], kind
    assert list(names["figures"])[-1] == "weight_histogram"
    assert (tmp_path / "figures" / "weight_histogram.pdf").read_bytes().startswith(b"%PDF")
    assert "skip" in ct.ARCHITECTURES


def test_what_was_added_is_chosen_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=90)
    centres = np.array([[0, 0], [4, 0], [0, 4]])
    data = ct.Dataset.from_arrays(centres[y] + rng.normal(size=(90, 2)), y)
    ct.DATASETS.add(ct.NamedDataset("clouds", lambda: data))
    ct.FIGURES.add(ct.RunFigure("again", lambda run: ct.FIGURES["errors"].draw(run)))
    ralston = [np.array([[0, 0], [2 / 3, 0]]), np.array([1 / 4, 3 / 4]), np.array([0, 2 / 3])]
    ct.METHODS.add(ct.Tableau("ralston", 2, "Ralston (1962)", *ralston))
    flags = ["--data.name", "clouds", "--data.limit", "50", "--solver.method", "ralston", "--training.epochs", "1"]
    folder = tmp_path / "run"
    assert main(["train", *flags, "--network.hidden", "[8]", "--training.threads", "1", "--run-dir", str(folder)]) == 0
    assert "test error" in capsys.readouterr().out
    assert (folder / "figures" / "again.png").exists()
    run = ct.load_run(folder)
    assert (run.settings.data.name, run.settings.solver.method) == ("clouds", "ralston")
    assert set(run.figures()) == {path.stem for path in (folder / "figures").iterdir()}
    assert len(ct.load_dataset("clouds", limit=50).train) == 50


def test_unknown_names_are_refused_in_one_line() -> None:
    with pytest.raises(ct.InputError, match=r"^data.name = 'digit': must be one of .* \(did you mean digits\?\); "):
        DataSettings("digit")
    with pytest.raises(
        ct.InputError, match=r"^solver.method = 'heum': must be one of anderson, sweeps, euler, .*heun\?\)$"
    ):
        SolverSettings("heum")
    with pytest.raises(ct.InputError, match=r"^unknown dataset 'digit': choose one of digits, "):
        ct.load_dataset("digit")
    ct.DATASETS.add(ct.NamedDataset("nothing", lambda: None))  # type: ignore[arg-type, return-value]
    with pytest.raises(ct.InputError, match=r"^data.name = 'nothing': its reader returned NoneType: return a Dataset$"):
        ct.load_dataset("nothing")


def test_the_library_in_one_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(MAIN, names)
    fit = names["fit"]
    assert [row["epoch"] for row in fit.metrics] == [1, 2, 3, 4, 5]
    assert names["run"].metrics == fit.metrics
    assert names["run"].settings == fit.settings
    assert {"errors", "angles", "gradient", "weights"} <= set(fit.figures())
    assert names["course"].times[-1] == pytest.approx(30)


def test_its_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    small = ct.load_dataset("digits", limit=60)
    fit = ct.fit(ct.Network.sigprop_loop([64, 8, 10]), small, epochs=1, threads=1, quiet=True)
    names: dict[str, Any] = {"ct": ct, "fit": fit}
    exec(SWEEP, names)
    assert len(names["table"].rows) == 3


def test_the_readme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for example in re.findall(r"```python\n(.*?)```", FROM_PYTHON, re.DOTALL):
        exec(example.replace("epochs=3", "epochs=2").replace('"digits")', '"digits", limit=400)'), names)
        assert names["run"].metrics[1]["train_error"] < names["run"].metrics[0]["train_error"]
    out = capsys.readouterr().out
    assert "Run(digits-graph, 2 epochs" in out
    assert "(2001, 3)" in out


def test_figures_are_shown_and_saved_where_asked(tmp_path: Path) -> None:
    """What a notebook calls to show an object: a PNG of one figure, HTML of all."""
    small = ct.load_dataset("digits", limit=60)
    run = ct.fit(ct.Network.sigprop_loop([64, 8, 10]), small, epochs=1, threads=1, quiet=True)
    figures = run.figures()
    assert list(figures) == ["errors", "phases", "angles", "weights", "predictions"]
    assert figures["errors"]._repr_png_().startswith(b"\x89PNG")
    assert figures._repr_html_().count("data:image/png;base64,") == 5
    for kind, start in (("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")):
        paths = figures.save(tmp_path / kind, kind)
        assert [path.name for path in paths] == [f"{name}.{kind}" for name in figures]
        assert all(path.read_bytes().startswith(start) for path in paths)
    with pytest.raises(ct.InputError, match=r"errors\.gif: a figure ends in \.png, \.pdf, \.svg"):
        figures.save(tmp_path, "gif")


def test_a_device_is_tried_as_its_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    example, varying = re.findall(r"```python\n(.*?)```", DEVICE, re.DOTALL)
    names: dict[str, Any] = {}
    exec(example, names)
    exec(varying, {})
    assert names["run"].metrics[-1]["unconverged"] == 0
    words = (
        DEVICE[DEVICE.index("    ctsigprop train") : DEVICE.index("## Phases that end")].replace("\\", "").split()[1:]
    )
    few = ["--data.limit", "60", "--training.epochs", "1", "--training.threads", "1", "--quiet", "--run-dir", "run"]
    assert main([*(word.strip("'") for word in words), *few]) == 0
    settings = ct.load_run("run").settings
    assert (settings.phases, settings.device) == (ct.Phases(10.0, 5.0), ct.Device(noise=0.05))


def test_networks_of_images_learn_as_printed() -> None:
    names: dict[str, Any] = {}
    (example,) = re.findall(r"```python\n(.*?)```", CONVOLUTION, re.DOTALL)
    exec(example, names)
    assert names["run"].metrics[-1]["train_error"] < 70
