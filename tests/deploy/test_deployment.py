"""The compose files, images, service and workflows say what the documentation promises of them."""

import configparser
import re
from pathlib import Path

import pytest
import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
WORKFLOWS = DEPLOY.parent / ".github" / "workflows"
VARIANTS = {
    "cpu": ("docker-compose.cpu.yml", "5000", "Dockerfile.cpu"),
    "gpu": ("docker-compose.gpu.yml", "5001", "Dockerfile"),
}


@pytest.fixture(params=VARIANTS)
def variant(request):
    return request.param


@pytest.fixture
def web(variant):
    return yaml.safe_load((DEPLOY / VARIANTS[variant][0]).read_text())["services"]["web"]


def test_the_port_is_published_on_loopback_alone(variant, web):
    (port,) = web["ports"]
    assert port == f"${{DEEPSYNTH_PUBLISH:-127.0.0.1:{VARIANTS[variant][1]}}}:5000"


def test_the_state_folder_is_set_and_mounted(web):
    assert web["environment"]["DEEPSYNTH_UI_STATE_DIR"] == "/state"
    assert "state:/state" in web["volumes"]


def test_the_container_can_do_little(web):
    assert web["read_only"] is True
    assert web["cap_drop"] == ["ALL"]
    assert web["security_opt"] == ["no-new-privileges:true"]
    assert web["init"] is True


def test_a_stop_leaves_time_for_a_checkpoint(web):
    assert int(web["stop_grace_period"].removesuffix("s")) >= 120


def test_the_token_is_a_secret_and_never_a_variable(variant, web):
    assert web["secrets"] == ["deepsynth_token"]
    assert web["environment"]["DEEPSYNTH_TOKEN_FILE"].startswith("/run/secrets/")
    assert "DEEPSYNTH_TOKEN" not in web["environment"]


def test_only_the_gpu_file_asks_for_accelerators(variant, web):
    assert ("nvidia" in str(web.get("deploy"))) == (variant == "gpu")


def test_the_image_runs_as_a_numeric_user_from_a_locked_install(variant):
    text = (DEPLOY / VARIANTS[variant][2]).read_text()
    assert re.search(r"(?m)^ARG BASE=", text)
    assert "\nUSER 10001:10001\n" in text
    assert "--constraint requirements/" in text
    assert 'CMD ["python3", "-m", "apps.web"]' in text
    assert "/api/health" in text


def test_the_two_images_differ_in_their_lock_and_device_alone():
    def core(name):
        lines = (DEPLOY / name).read_text().splitlines()
        return [line for line in lines if not line.startswith(("#", "ENV NVIDIA"))]

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
