"""The wheel and the sdist hold what they must, and the wheel runs where there is neither checkout, Node nor compiler."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import sysconfig
import tarfile
import time
import zipfile
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "deepsynth"
pytestmark = pytest.mark.slow

BUILD = "import setuptools.build_meta as b, sys; print(getattr(b, 'build_' + sys.argv[1])(sys.argv[2]))"


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """The committed files alone, so that nothing that lies about in the checkout gets into the archives."""
    folder = tmp_path_factory.mktemp("checkout")
    names = subprocess.run(
        ["git", "ls-files", "-z", "--", "src", "pyproject.toml", "README.md", "LICENSE"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split("\0")  # fmt: skip
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())
    return folder


def build(copy: Path, kind: str, out: Path) -> Path:
    answer = subprocess.run(
        [sys.executable, "-c", BUILD, kind, str(out)], cwd=copy, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    return out / answer.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def wheel(copy, tmp_path_factory):
    return build(copy, "wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def clean_environment(wheel, tmp_path_factory):
    """A virtual environment that sees the dependencies, but deepsynth from the wheel alone."""
    folder = tmp_path_factory.mktemp("venv")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    answer = subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index", str(wheel)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder


def run(environment: Path, *command: str, cwd: Path) -> str:
    """Run a program of the environment, with nothing else on the PATH."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "DEEPSYNTH"))}
    answer = subprocess.run(
        [str(environment / "bin" / command[0]), *command[1:]],
        cwd=cwd, env=kept | {"PATH": str(environment / "bin")}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def test_the_wheel_holds_every_file_of_the_package_and_no_other(wheel, copy):
    held = {name for name in zipfile.ZipFile(wheel).namelist() if not name.split("/")[0].endswith(".dist-info")}
    source = copy / "src"
    wanted = {path.relative_to(source).as_posix() for path in (source / "deepsynth").rglob("*") if path.is_file()}
    assert held == {name for name in wanted if "__pycache__" not in name}


def test_the_sdist_builds_the_same_wheel(wheel, copy, tmp_path):
    archive = build(copy, "sdist", tmp_path)
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path / "unpacked", filter="data")
    (unpacked,) = (tmp_path / "unpacked").iterdir()
    again = build(unpacked, "wheel", tmp_path)
    first, second = zipfile.ZipFile(wheel), zipfile.ZipFile(again)
    assert {entry.filename: entry.CRC for entry in first.infolist() if "dist-info" not in entry.filename} == {
        entry.filename: entry.CRC for entry in second.infolist() if "dist-info" not in entry.filename
    }


def test_an_installed_wheel_draws_a_page(clean_environment, tmp_path):
    (tmp_path / "text.txt").write_text("A page of text.")
    run(clean_environment, "deepsynth", "render", "text.txt", "--out", "pages", cwd=tmp_path)
    assert list((tmp_path / "pages").rglob("*.png"))
    origin = run(clean_environment, "python", "-c", "import deepsynth; print(deepsynth.__file__)", cwd=tmp_path)
    assert str(clean_environment) in origin


def test_an_installed_wheel_serves_the_whole_application_and_summarizes(clean_environment, tmp_path):
    """Neither Node nor a compiler is on the PATH, and the model is the one that requests get when nobody names another."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "DEEPSYNTH"))}
    command = [str(clean_environment / "bin" / "deepsynth"), "web", "--uds", "socket", "--state-dir", "state"]
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(
            command, cwd=tmp_path, env=kept | {"PATH": str(clean_environment / "bin")}, stdout=log, stderr=log
        )
    transport = httpx.HTTPTransport(uds=str(tmp_path / "socket"))
    end = time.monotonic() + 120
    try:
        while not listens(tmp_path / "socket"):
            assert server.poll() is None and time.monotonic() < end, (tmp_path / "log").read_text()
            time.sleep(0.1)
        with httpx.Client(transport=transport, base_url="http://localhost", timeout=120) as client:
            client.get("/api/health").raise_for_status()
            page = client.get("/").text
            manifest = json.loads(client.get("/static/dist/manifest.json").text)
            linked = re.findall(r"""(?:src|href)="(static/[^"]+)""", page)
            assert f"static/dist/{manifest['script']}" in linked, "the minified copy is what is served"
            for path in [*linked, *(f"static/dist/{name}" for name in manifest["bytes"])]:
                assert client.get(f"/{path}").status_code == 200, path
            assert len(client.get("/api/kinds").json()["kinds"]) >= 5
            assert client.get("/api/inference").json()["model"] == "nano"
            text = "The lock of the harbor was closed for eleven days while divers repaired its gate. " * 3
            answer = client.post("/api/summarize", json={"text": text, "options": {"max_new_tokens": 16}})
            assert answer.status_code == 200, answer.text
            assert answer.json()["visual_tokens"] > 0
            assert answer.json()["generated_tokens"] > 0
    finally:
        server.terminate()
        assert server.wait(timeout=60) in (0, -signal.SIGTERM)


def listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0
