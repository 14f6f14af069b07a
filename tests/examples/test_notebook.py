"""The notebook runs from top to bottom and still shows what is stored in it."""

import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))


@pytest.fixture(scope="module")
def notebook():
    spec = importlib.util.spec_from_file_location("notebook", ROOT / "tools" / "notebook.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def shape(cells):
    """Return what each code cell gives: kinds of outputs, and how many lines are printed."""
    return [
        [(one["output_type"], len(one.get("text", ())), sorted(one.get("data", ()))) for one in cell["outputs"]]
        for cell in cells
        if cell["cell_type"] == "code"
    ]


def test_there_is_one():
    assert [path.name for path in NOTEBOOKS] == ["reading.ipynb"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.name for path in NOTEBOOKS])
def test_a_notebook_runs_and_gives_what_it_shows(path, notebook):
    stored = json.loads(path.read_text(encoding="utf-8"))
    fresh = notebook.run(path)
    assert shape(fresh["cells"]) == shape(stored["cells"])
    pictures = [one["data"] for cell in fresh["cells"] for one in cell.get("outputs", ()) if "data" in one]
    assert sum("image/png" in data for data in pictures) == 3
    printed = "".join(
        line for cell in fresh["cells"] for one in cell.get("outputs", ()) for line in one.get("text", ())
    )
    assert "16 visual tokens a page, 21 in the prompt" in printed


def test_a_cell_that_fails_is_an_error_with_its_number(notebook, tmp_path):
    cell = {"cell_type": "code", "source": ["1 / 0"], "outputs": [], "execution_count": None}
    (tmp_path / "a.ipynb").write_text(json.dumps({"cells": [cell]}))
    with pytest.raises(ZeroDivisionError) as caught:
        notebook.run(tmp_path / "a.ipynb")
    assert "a.ipynb, cell 1" in str(caught.traceback[-1].path)


def test_what_a_cell_prints_and_gives_is_written_back(notebook, tmp_path):
    cell = {"cell_type": "code", "source": ["print('a')\n", "1 + 1"], "outputs": [], "execution_count": None}
    (tmp_path / "a.ipynb").write_text(json.dumps({"cells": [cell]}))
    notebook.main(tmp_path / "a.ipynb")
    (written,) = json.loads((tmp_path / "a.ipynb").read_text())["cells"]
    assert written["outputs"][0]["text"] == ["a\n"]
    assert written["outputs"][1]["data"] == {"text/plain": ["2"]}
    assert not list(tmp_path.glob("*.tmp"))
