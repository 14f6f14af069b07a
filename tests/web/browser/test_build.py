"""What the front end is made of: vendored files with their hashes, a minified copy of these very sources, its weight."""

import gzip
import hashlib
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
WEB = ROOT / "src" / "deepsynth" / "web"
STATIC = WEB / "static"
DIST = STATIC / "dist"
OURS = [path for path in STATIC.rglob("*.js") if not {"vendor", "dist"} & set(path.parts)]
JS_LIMIT, FIRST_VIEW_LIMIT = 60_000, 80_000


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def manifest() -> dict:
    return json.loads((DIST / "manifest.json").read_text())


def zipped(name: str) -> int:
    return len(gzip.compress((DIST / name).read_bytes(), 9))


def with_imports(name: str) -> set[str]:
    """Return a built file and those that it imports at once, not the ones that it fetches later."""
    found, text = {name}, (DIST / name).read_text()
    for other in re.findall(r'(?:from|import)\s?"\./([^"]+)"', text):
        if other not in found:
            found |= with_imports(other)
    return found


def test_the_vendored_files_are_those_that_vendor_json_names():
    known = json.loads((STATIC / "vendor" / "vendor.json").read_text())
    for name, digest in known["outputs"].items():
        assert sha256((STATIC / "vendor" / name).read_bytes()) == digest, name
    present = {path.name for path in (STATIC / "vendor").iterdir()}
    assert present == {*known["outputs"], "vendor.json"}


def test_each_vendored_package_stands_with_its_license():
    known = json.loads((STATIC / "vendor" / "vendor.json").read_text())
    text = (STATIC / "vendor" / "THIRD_PARTY.txt").read_text()
    lock = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    for package in known["packages"]:
        assert package["license"] in ("MIT", "Apache-2.0")
        assert f"{package['name']} {package['version']} ({package['license']})" in text
        assert lock[f"node_modules/{package['name']}"]["version"] == package["version"]


def test_the_minified_copy_was_made_from_these_sources():
    total = hashlib.sha256()
    files = [path for path in STATIC.rglob("*") if path.is_file() and DIST not in path.parents]
    for path in sorted(files, key=lambda path: path.relative_to(STATIC).as_posix()):
        total.update(f"{path.relative_to(STATIC).as_posix()}\0{sha256(path.read_bytes())}\n".encode())
    assert manifest()["sources"] == total.hexdigest(), "run `make web-build` and commit"
    for name, size in manifest()["bytes"].items():
        assert (DIST / name).stat().st_size == size


def test_the_first_view_and_every_screen_are_light():
    script, style = manifest()["script"], manifest()["style"]
    page = len(gzip.compress((WEB / "templates" / "index.html").read_bytes(), 9))
    first = with_imports(script) | with_imports(next(name for name in manifest()["bytes"] if name.startswith("jobs.")))
    assert page + zipped(style) + sum(map(zipped, first)) < FIRST_VIEW_LIMIT
    screens = [
        name
        for name in manifest()["bytes"]
        if re.match(r"(run|new_run|compare|datasets|models|playground|settings)\.", name)
    ]
    assert len(screens) == 7
    plot = next(name for name in manifest()["bytes"] if name.startswith("uplot."))
    for screen in screens:
        needed = (
            with_imports(script) | with_imports(screen) | ({plot} if screen.startswith(("run.", "compare.")) else set())
        )
        assert sum(map(zipped, needed)) < JS_LIMIT, screen


def test_the_templates_hold_no_inline_code_and_no_absolute_address():
    for template in (WEB / "templates").glob("*.html"):
        text = template.read_text()
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|javascript:", text), template.name
        assert not re.search(r"""(?:src|href)=["'](?:https?:|//|/)""", text), template.name


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_no_module_writes_markup_as_text_or_reaches_another_host(path):
    text = path.read_text()
    for forbidden in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
        "https://",
        "http://",
    ):
        assert forbidden not in text, f"{path.name} holds {forbidden}"
    assert not re.search(r"""fetch\(["'`]/""", text), "addresses are relative"
