"""A notebook: lines of progress while a network learns, and figures inline without pyplot."""

from pathlib import Path

import pytest

CELLS = (
    'import ctsigprop as ct\nsmall = ct.load_dataset("digits", limit=60)',
    "run = ct.fit(ct.Network.sigprop_loop([64, 8, 10]), small, epochs=2, threads=1)",
    "run",
    'run.figures()["errors"]',
    "run.figures()",
)


def test_a_notebook_is_executed(tmp_path: Path) -> None:
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    _, training, shown, one, all_of_them = ([dict(part) for part in cell.outputs] for cell in notebook.cells)
    said = "".join(part["text"] for part in training if part["output_type"] == "stream" and part["name"] == "stdout")
    assert [line.split(":")[0] for line in said.splitlines()][-2:] == ["epoch 1/2", "epoch 2/2"]
    assert shown[0]["data"]["text/plain"].startswith("Run(digits-sigprop_loop, 2 epochs")
    assert "image/png" in one[0]["data"]
    assert all_of_them[0]["data"]["text/html"].count("<img ") == 5
