"""Every locked package may be used, and the check can say no."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SPEC = importlib.util.spec_from_file_location("licenses", ROOT / "requirements" / "licenses.py")
licenses = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(licenses)


@pytest.mark.parametrize(
    "name",
    [
        "MIT",
        "Apache-2.0 OR BSD-2-Clause",
        "BSD-3-Clause AND 0BSD AND MIT AND Zlib AND CC0-1.0",
        "Mozilla Public License 2.0 (MPL 2.0)",
        "GPL-3.0-or-later OR MIT",
        "Apache-2.0 WITH LLVM-exception",
    ],
)
def test_a_permissive_license_passes(name):
    assert licenses.is_allowed(name)


@pytest.mark.parametrize("name", ["GPL-3.0", "AGPL-3.0-only", "MIT AND LGPL-2.1-or-later", "Proprietary", ""])
def test_any_other_license_is_refused(name):
    assert not licenses.is_allowed(name)


def test_a_package_that_is_not_installed_is_named(tmp_path, capsys):
    lock = tmp_path / "some.lock"
    lock.write_text("# head\nno-such-package==1.0\n")
    assert licenses.main([str(lock)]) == 1
    assert "no-such-package" in capsys.readouterr().err


def test_all_locked_packages_are_allowed(capsys):
    assert licenses.main([]) == 0, capsys.readouterr().err
    assert len(capsys.readouterr().out.splitlines()) == len(licenses.packages(ROOT / "requirements" / "cpu.lock"))
