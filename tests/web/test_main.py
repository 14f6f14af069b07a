import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from deepsynth.core.errors import InputError, SettingsError
from deepsynth.web.__main__ import is_loopback, main, serve
from deepsynth.web.config import WebConfig, from_environment


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("10.0.0.1", False),
        ("example.org", False),
    ],
)
def test_only_this_machine_counts_as_loopback(host, expected):
    assert is_loopback(host) is expected


def test_serving_beyond_loopback_without_a_token_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="a token is required"):
        serve(WebConfig(host="0.0.0.0", state_dir=tmp_path))


def test_the_refusal_is_one_line_and_exit_code_two(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("DEEPSYNTH_UI_HOST", "0.0.0.0")
    monkeypatch.setenv("DEEPSYNTH_UI_STATE_DIR", str(tmp_path))
    assert main() == 2
    errors = capsys.readouterr().err
    assert errors.startswith("error: host 0.0.0.0 is not loopback")
    assert errors.count("\n") == 1


def test_with_a_token_it_serves_others_and_prints_a_link_for_once(monkeypatch, capsys, tmp_path):
    served = []
    monkeypatch.setattr(
        "deepsynth.web.server.serve_app", lambda app, listener, **_: served.append((app, listener.getsockname()))
    )
    monkeypatch.setenv("DEEPSYNTH_TOKEN", "a-long-enough-token-for-tests")
    serve(WebConfig(host="0.0.0.0", port=0, state_dir=tmp_path))
    app, (host, port) = served[0]
    assert host == "0.0.0.0"
    errors = capsys.readouterr().err
    assert f"DeepSynth serves http://0.0.0.0:{port}/ " in errors, "the port that the system has chosen"
    assert "a-long-enough-token" not in errors
    code = errors.partition("login#")[2].strip()
    assert app.state.services.login.use_code(code)
    app.state.services.store.close()


def test_an_address_that_is_taken_is_told_before_anything_is_made(capsys, tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(InputError, match="cannot listen on 127"):
            serve(WebConfig(port=other.getsockname()[1], state_dir=tmp_path / "state"))
    assert capsys.readouterr().err == ""
    assert not (tmp_path / "state").exists()


def test_the_environment_names_the_state_folder(tmp_path):
    assert from_environment({"DEEPSYNTH_UI_STATE_DIR": str(tmp_path)}).state_dir == tmp_path
    with pytest.raises(SettingsError, match="port"):
        from_environment({"DEEPSYNTH_UI_PORT": "70000"})


def test_the_module_entry_serves_health_and_stops_on_sigterm(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "DEEPSYNTH_UI_STATE_DIR": str(tmp_path), "DEEPSYNTH_UI_PORT": str(port)}
    server = subprocess.Popen([sys.executable, "-m", "apps.web"], env=environment, stderr=subprocess.PIPE)
    try:
        body = _fetch(f"http://127.0.0.1:{port}/api/health", seconds=60)
    finally:
        server.send_signal(signal.SIGTERM)
        _, errors = server.communicate(timeout=20)
    assert body == b'{"status":"ok"}', errors
    assert (tmp_path / "jobs.sqlite").is_file()


def _fetch(url: str, seconds: float) -> bytes:
    end = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.read()
        except urllib.error.URLError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


def test_flags_are_refused_by_the_entry_that_reads_the_environment_alone():
    found = subprocess.run(
        [sys.executable, "-m", "apps.web", "--port", "5078"], capture_output=True, text=True, check=False
    )
    assert found.returncode == 2
    assert found.stderr.splitlines() == [
        "error: this entry takes its settings from the environment, not --port 5078; for flags use: deepsynth web"
    ]
