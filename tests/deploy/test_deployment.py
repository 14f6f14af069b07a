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


def test_publishing_needs_no_stored_token():
    text = (WORKFLOWS / "release.yml").read_text()
    jobs = yaml.safe_load(text)["jobs"]
    assert jobs["publish"]["permissions"]["id-token"] == "write"
    assert "secrets." not in text
