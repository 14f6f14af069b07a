"""Run a notebook from its first cell to its last and write what the cells show into it.

    python tools/notebook.py examples/reading.ipynb

The cells run one after the other in one namespace of this process, without Jupyter: no magics, widgets or `await`. What is
printed and what a cell's last line gives (a picture through `_repr_png_`, else its `repr`) become outputs in Jupyter's form,
so that GitHub shows them.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import io
import json
import sys
from pathlib import Path
from typing import Any


def run_cell(source: str, names: dict[str, Any], where: str) -> list[dict[str, Any]]:
    """Run one cell and return its outputs in Jupyter's form (nbformat 4)."""
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    value = None
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(tree, where, "exec"), names)
        if last is not None:
            value = eval(compile(ast.Expression(last.value), where, "eval"), names)
    outputs: list[dict[str, Any]] = []
    if printed.getvalue():
        outputs.append({"output_type": "stream", "name": "stdout", "text": _lines(printed.getvalue())})
    if value is not None:
        outputs.append({"output_type": "display_data", "metadata": {}, "data": _shown(value)})
    return outputs


def run(path: Path) -> dict[str, Any]:
    """Return the notebook with fresh outputs; its folder is the working directory, as in Jupyter."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    names: dict[str, Any] = {"__name__": "__main__"}
    with contextlib.chdir(path.resolve().parent):
        code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
        for number, cell in enumerate(code, 1):
            cell["outputs"] = run_cell("".join(cell["source"]), names, f"{path.name}, cell {number}")
            cell["execution_count"] = number
    return notebook


def _shown(value: object) -> dict[str, Any]:
    picture = getattr(value, "_repr_png_", None)
    if picture is not None:
        return {"image/png": base64.b64encode(picture()).decode(), "text/plain": ["a picture"]}
    return {"text/plain": _lines(repr(value))}


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def main(path: Path) -> None:
    """Run a notebook and write it back whole."""
    text = json.dumps(run(path), indent=1, ensure_ascii=False) + "\n"
    fresh = path.with_suffix(".tmp")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
