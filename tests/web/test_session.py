import pytest
from fastapi.testclient import TestClient

from deepsynth.web.app import create_app
from deepsynth.web.services import make_services

TOKEN = "a-long-enough-token-for-tests"


@pytest.fixture
def guarded(config):
    made = make_services(config, TOKEN, environment={})
    with TestClient(create_app(config, services=made), base_url="http://127.0.0.1:5000") as client:
        yield client


def test_a_code_opens_one_session_whose_cookie_no_script_can_read(guarded):
    code = guarded.app.state.services.login.new_code()
    assert guarded.get("/api/session").json() == {"login_required": True, "logged_in": False}
    answer = guarded.post("/api/login", json={"code": code})
    assert answer.status_code == 204
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "path=/" in cookie
    assert "secure" not in cookie
    assert guarded.get("/api/jobs").status_code == 200
    assert guarded.get("/api/session").json()["logged_in"] is True
    guarded.cookies.clear()
    assert guarded.post("/api/login", json={"code": code}).status_code == 401


def test_the_token_opens_too_and_logging_out_closes(guarded):
    assert guarded.post("/api/login", json={"token": "wrong"}).json()["error"] == "WrongLoginError"
    assert guarded.post("/api/login", json={"token": TOKEN}).status_code == 204
    assert guarded.get("/api/jobs").status_code == 200
    assert guarded.post("/api/logout").status_code == 204
    assert guarded.get("/api/jobs").status_code == 401


def test_guessing_is_slowed_down(guarded):
    codes = [guarded.post("/api/login", json={"token": f"guess-{number}"}).status_code for number in range(25)]
    assert codes[0] == 401
    assert codes[-1] == 429


def test_behind_tls_the_cookie_is_for_tls_alone(config):
    config = config.override({"secure_cookies": True})
    made = make_services(config, TOKEN, environment={})
    with TestClient(create_app(config, services=made), base_url="http://127.0.0.1:5000") as client:
        assert "secure" in client.post("/api/login", json={"token": TOKEN}).headers["set-cookie"].lower()


def test_without_a_token_there_is_nothing_to_log_in_to(client):
    assert client.get("/api/session").json() == {"login_required": False, "logged_in": True}
    assert client.post("/api/login", json={}).status_code == 204
