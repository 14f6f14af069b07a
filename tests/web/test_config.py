from pathlib import Path

import pytest

from deepsynth.core.errors import SettingsError
from deepsynth.web.config import WebConfig, WorkerConfig, access_token, from_environment, over_environment


def test_defaults_are_loopback_and_unset_variables_change_nothing():
    assert from_environment({}) == WebConfig()
    assert from_environment({"DEEPSYNTH_UI_PORT": ""}) == WebConfig()
    assert WebConfig().host == "127.0.0.1"


def test_every_variable_reaches_its_setting():
    values = {
        "DEEPSYNTH_UI_STATE_DIR": "/s",
        "DEEPSYNTH_UI_HOST": "localhost",
        "DEEPSYNTH_UI_PORT": "8080",
        "DEEPSYNTH_UI_ROOT_PATH": "/deep",
        "DEEPSYNTH_UI_ALLOWED_HOSTS": "a.example, b.example:81",
        "DEEPSYNTH_UI_FOLDERS": "/x,/y",
        "DEEPSYNTH_UI_PAUSE_ON_STOP": "1",
        "DEEPSYNTH_UI_RUN_QUEUE": "0",
        "DEEPSYNTH_UI_LOG_FORMAT": "json",
        "DEEPSYNTH_TOKEN_FILE": "/t",
    }
    assert from_environment(values) == WebConfig(
        state_dir=Path("/s"),
        host="localhost",
        port=8080,
        root_path="/deep",
        allowed_hosts=("a.example", "b.example:81"),
        folders=(Path("/x"), Path("/y")),
        pause_on_stop=True,
        run_queue=False,
        log_format="json",
        token_file=Path("/t"),
    )


def test_flags_win_over_the_environment():
    given = WebConfig(port=7)
    found = from_environment({"DEEPSYNTH_UI_PORT": "8", "DEEPSYNTH_UI_HOST": "localhost"}, given)
    assert (found.port, found.host) == (7, "localhost")


def test_a_worker_takes_the_same_variables_and_leaves_those_of_the_server():
    values = {"DEEPSYNTH_UI_STATE_DIR": "/s", "DEEPSYNTH_UI_PORT": "8", "DEEPSYNTH_UI_PAUSE_ON_STOP": "1"}
    found = over_environment(WorkerConfig(cpu_slots=3), values)
    assert found == WorkerConfig(state_dir=Path("/s"), pause_on_stop=True, cpu_slots=3)


def test_the_token_comes_from_a_file_or_a_variable_and_is_no_setting(tmp_path):
    (tmp_path / "token").write_text("t" * 20 + "\n")
    config = WebConfig(token_file=tmp_path / "token")
    assert access_token(config, {}) == "t" * 20
    assert "t" * 20 not in config.model_dump_json()
    assert access_token(WebConfig(), {"DEEPSYNTH_TOKEN": "v" * 20}) == "v" * 20
    assert access_token(WebConfig(), {}) is None
    assert len(access_token(WebConfig(login="always"), {}) or "") > 30


def test_a_short_or_absent_token_is_refused_without_showing_it(tmp_path):
    with pytest.raises(SettingsError, match="fewer than 16") as caught:
        access_token(WebConfig(), {"DEEPSYNTH_TOKEN": "brief"})
    assert "brief" not in str(caught.value)
    with pytest.raises(SettingsError, match="cannot read"):
        access_token(WebConfig(token_file=tmp_path / "none"), {})


def test_a_wrong_value_names_its_variable_unless_a_flag_wins():
    with pytest.raises(SettingsError, match=r"^DEEPSYNTH_UI_PORT: port: .*\(got 'abc'\)") as caught:
        from_environment({"DEEPSYNTH_UI_PORT": "abc"})
    assert caught.value.field == "port"
    assert from_environment({"DEEPSYNTH_UI_PORT": "abc"}, WebConfig(port=7)).port == 7
