"""Tests mirror the source: each module that holds code has a test file of its name in the folder of its package."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "deepsynth"
MODULES = sorted(path for path in SOURCE.rglob("*.py") if path.name not in ("__init__.py", "__main__.py"))


def has_code(path: Path) -> bool:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return any(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) for node in ast.walk(tree))


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_a_module_with_functions_has_its_tests(module):
    if not has_code(module):
        return
    package = module.relative_to(SOURCE).parts[0]
    name = f"test_{module.stem.lstrip('_')}.py"
    assert list((ROOT / "tests" / package).rglob(name)), f"write tests/{package}/{name}"
