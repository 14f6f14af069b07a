"""The images, service and workflows say what the documentation promises of them; test_compose.py has the compose files."""

import configparser
import re
from pathlib import Path

import pytest
import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
WORKFLOWS = DEPLOY.parent / ".github" / "workflows"


@pytest.mark.parametrize("name", ["Dockerfile.cpu", "Dockerfile"])
def test_the_image_runs_as_a_numeric_user_from_a_locked_install(name):
    text = (DEPLOY / name).read_text()
    assert re.search(r"(?m)^ARG BASE=", text)
    assert "\nUSER 10001:10001\n" in text
    assert "--constraint requirements/" in text
    assert 'CMD ["python3", "-m", "apps.web"]' in text
    assert "/api/health" in text


def test_the_two_images_differ_in_their_lock_and_device_alone():
    def core(name):
        lines = (DEPLOY / name).read_text().splitlines()
        return [line for line in lines if not line.startswith(("#", "ENV NVIDIA")) and "TORCH_INDEX" not in line]

    assert "TORCH_INDEX=https://download.pytorch.org/whl/cpu" in (DEPLOY / "Dockerfile.cpu").read_text()
    gpu = [line.replace("cuda", "cpu") for line in core("Dockerfile")]
    assert gpu == core("Dockerfile.cpu")


def test_the_service_leaves_running_jobs_alone_when_it_stops():
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str
    parser.read(DEPLOY / "systemd" / "deepsynth.service")
    assert parser["Service"]["KillMode"] == "process"
    assert parser["Service"]["NoNewPrivileges"] == "yes"


def test_publishing_needs_no_stored_token_and_only_publishing_may_write():
    text = (WORKFLOWS / "release.yml").read_text()
    release = yaml.safe_load(text)
    assert release["permissions"] == {"contents": "read"}
    assert "permissions" not in release["jobs"]["build"]
    publish = release["jobs"]["publish"]
    assert publish["permissions"] == {"id-token": "write", "attestations": "write", "contents": "read"}
    assert publish["environment"] == "pypi" and publish["needs"] == "build"
    assert not any("run" in step and "dist/*.whl" not in step["run"] for step in publish["steps"]), (
        "it runs no code of ours"
    )
    assert "secrets." not in text


@pytest.mark.parametrize("path", sorted(WORKFLOWS.glob("*.yml")), ids=lambda path: path.stem)
def test_every_action_is_pinned_by_its_commit(path):
    used = re.findall(r"uses: (\S+)(.*)", path.read_text())
    assert used
    for name, rest in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", name), name
        assert re.fullmatch(r"  # v\d+\.\d+\.\d+", rest), name
    assert yaml.safe_load(path.read_text())["permissions"] == {"contents": "read"}
