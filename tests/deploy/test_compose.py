"""The compose files, their variants and the unit say what the documents promise; the container check runs them for real."""

import re
from pathlib import Path

import pytest
import yaml

from deepsynth.jobs.place import STATE_DIR, STORE
from deepsynth.jobs.postgres import connect_options
from deepsynth.web.config import WebConfig, WorkerConfig, from_environment

DEPLOY = Path(__file__).parents[2] / "deploy"
KINDS = {"cpu": 5000, "gpu": 5001}


def compose(kind):
    return yaml.safe_load((DEPLOY / f"docker-compose.{kind}.yml").read_text())


def variables(name):
    lines = (line for line in (DEPLOY / name).read_text().splitlines() if line and not line.startswith("#"))
    return dict(line.split("=", 1) for line in lines)


@pytest.mark.parametrize("kind", KINDS)
def test_every_service_is_closed_in_and_rotates_its_log(kind):
    for name, service in compose(kind)["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["restart"] == "unless-stopped", name
        assert service["logging"]["options"] == {"max-size": "20m", "max-file": "5"}, name
        assert not {"privileged", "pid", "network_mode", "devices"} & set(service), name


@pytest.mark.parametrize(("kind", "port"), KINDS.items())
def test_the_web_service_alone_is_published_and_on_loopback(kind, port):
    services = compose(kind)["services"]
    assert services["web"]["ports"] == [f"${{DEEPSYNTH_PUBLISH:-127.0.0.1:{port}}}:5000"]
    assert [name for name, service in services.items() if "ports" in service] == ["web"]
    assert services["database"]["networks"] == ["closed"]
    assert compose(kind)["networks"]["closed"] == {"internal": True}


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_profile_only_the_web_service_starts_and_runs_the_queue(kind):
    services = compose(kind)["services"]
    assert {name: service.get("profiles") for name, service in services.items()} == {
        "web": None,
        "worker": ["worker"],
        "database": ["postgres"],
    }
    defaults = {name: plain(value) for name, value in services["web"]["environment"].items()}
    config = from_environment(defaults)
    assert config.run_queue and str(config.state_dir) == "/state" and defaults[STORE] == ""


@pytest.mark.parametrize("kind", KINDS)
def test_what_runs_jobs_is_given_the_time_to_save_and_one_volume_for_state(kind):
    services = compose(kind)["services"]
    for name in ("web", "worker"):
        service = services[name]
        assert int(service["stop_grace_period"].removesuffix("s")) > 120, "the longest a job is given by default"
        assert service["volumes"] == ["state:/state"]
        assert service["environment"][STATE_DIR] == "/state"
        assert service["init"] is True
    assert services["worker"]["command"] == ["deepsynth", "worker"]
    assert services["worker"]["healthcheck"]["test"] == ["CMD", "deepsynth", "worker", "--check"]
    assert "check" in WorkerConfig.model_fields


@pytest.mark.parametrize("kind", KINDS)
def test_secrets_are_files_and_no_variable_holds_one(kind):
    read = compose(kind)
    assert all(set(secret) == {"file"} for secret in read["secrets"].values())
    for service in read["services"].values():
        for name, value in service["environment"].items():
            if re.search("TOKEN|PASSWORD", name):
                assert value.startswith("/run/secrets/"), name
                assert value.removeprefix("/run/secrets/") in service["secrets"]


def test_only_the_gpu_file_asks_for_accelerators():
    for kind in KINDS:
        for name, service in compose(kind)["services"].items():
            assert ("nvidia" in str(service.get("deploy"))) == (kind == "gpu" and name != "database")


def test_the_files_differ_in_kind_port_and_accelerators_alone():
    def told(kind):
        text = (DEPLOY / f"docker-compose.{kind}.yml").read_text().partition("x-deepsynth:")[2]
        text = re.sub(r"  shm_size: 2g.*?capabilities: \[gpu\]\n", "", text, flags=re.DOTALL)
        text = re.sub(rf"(127\.0\.0\.1|localhost):{KINDS[kind]}", r"\1:PORT", text)
        return text.replace("Dockerfile.cpu", "Dockerfile").replace(f":{kind}", "")

    assert told("cpu") == told("gpu")


@pytest.mark.parametrize(("name", "profiles"), [("worker.env", {"worker"}), ("postgres.env", {"worker", "postgres"})])
def test_a_variant_sets_what_the_files_ask_for(name, profiles, tmp_path):
    given = variables(name)
    assert set(given.pop("COMPOSE_PROFILES").split(",")) == profiles
    for kind in KINDS:
        text = (DEPLOY / f"docker-compose.{kind}.yml").read_text()
        assert all(f"${{{variable}:-" in text for variable in given)
    assert from_environment(given) == WebConfig(run_queue=False)
    if STORE in given:
        (tmp_path / "database_password").write_text("word\n")
        options = connect_options(given[STORE].replace("/run/secrets", str(tmp_path)))
        database = compose("cpu")["services"]["database"]["environment"]
        assert (options["host"], options["password"]) == ("database", "word")
        assert (options["user"], options["database"]) == (database["POSTGRES_USER"], database["POSTGRES_DB"])


def plain(value):
    """Return a value of the compose file as it is where nothing is set."""
    return re.sub(r"\$\{[A-Z_]+:-([^}]*)\}", r"\1", str(value))
