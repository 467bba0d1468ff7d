"""The tables in experiments/results/ are what the runs and measurements beside them come to, by their own commands."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from ctsigprop.experiments.paper import scheduling
from ctsigprop.experiments.paper.tables import table_1

Command = Callable[..., Any]

RESULTS = Path(__file__).parents[2] / "experiments/results"
TABLES = [
    *(("efficiency", f"table-{number}") for number in (1, 2, 3, 4)),
    ("table-5", "table-5"),
    ("table-6", "table-6"),
]


def content(folder: Path, table: str) -> dict[str, Any]:
    read = json.loads((folder / f"{table}.json").read_text())
    del read["machine"]
    return read


@pytest.mark.parametrize(("folder", "table"), TABLES)
def test_the_table_comes_out_again(
    folder: str, table: str, tmp_path: Path, ctsigprop: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduling, "finish", lambda run, *_, **__: pytest.fail(f"{run} is not finished"))
    again = tmp_path / folder
    copytree(RESULTS / folder, again)
    before = content(again, table)
    monkeypatch.setattr(table_1, "memory_against_depth", lambda *_: before["memory_against_depth"])
    (again / f"{table}.md").unlink()
    answer = ctsigprop(*shlex.split(before["command"])[1:])
    assert (answer.status, answer.err) == (0, "")
    after = content(again, table)
    assert after == before
    assert (again / f"{table}.md").read_bytes() == (RESULTS / folder / f"{table}.md").read_bytes()
