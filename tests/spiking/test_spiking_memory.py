"""Memory of training a spiking network against the steps of time."""

from pathlib import Path

import pytest

from ctsigprop.analysis.plots.memory import MIB, memory_figure, steps_figure
from ctsigprop.benchmarks import spiking_memory

STEPS = [2, 4, 8]


def test_memory_is_flat_in_time_where_each_step_has_an_update(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spiking_memory, "QUICK", {**spiking_memory.QUICK, "steps": STEPS})
    figures = spiking_memory.run(quick=True)
    rise = figures["memory_rise"]
    assert rise["SP, update at each step"] < 1.01
    assert rise["BP, surrogate"] > 3
    assert rise["SP, update at the end"] > 3
    step, end, backwards = (
        figures["bytes"][name][-1] for name in ("SP, update at each step", "SP, update at the end", "BP, surrogate")
    )
    assert step < end < backwards
    assert len(spiking_memory.table(figures).splitlines()) == 1 + 2 * (1 + len(spiking_memory.CONTESTANTS))
    path = spiking_memory.draw(figures, tmp_path / "memory.png")
    assert path.read_bytes().startswith(b"\x89PNG")


def test_the_figure_shows_memory_and_time_against_steps() -> None:
    figure = steps_figure([4, 8], {"BP": [2**20, 2**21], "SP": [2**20, 2**20]}, {"BP": [5.0, 9.0], "SP": [4.0, 8.0]})
    memory, time = figure.axes
    assert [list(line.get_ydata()) for line in memory.lines] == [[1, 2], [1, 1]]
    assert [list(line.get_ydata()) for line in time.lines] == [[5, 9], [4, 8]]
    assert [line.get_color() for line in memory.lines] == [line.get_color() for line in time.lines]
    assert memory.get_xlabel() == time.get_xlabel() == "steps of time"


def test_the_figure_against_depth_is_in_mebibytes() -> None:
    (axes,) = memory_figure([1, 2], {"BP": [2**20, 2**21]}).axes
    assert [list(line.get_ydata()) for line in axes.lines] == [[MIB * 2**20, 2]]
    assert axes.get_xlabel() == "hidden layers"
