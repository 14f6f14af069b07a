import httpx
import pytest

from deepsynth.core.errors import InputError
from deepsynth.jobs import Job, JobStatus
from deepsynth.jobs.secrets import TokenFiles
from deepsynth.web import hub
from deepsynth.web.hub import HubLogin, ask_hub

TOKEN = "hf_" + "x" * 34
SEEN = "hf_" + "a1B2c3D4" * 5


class Ring(dict):
    """A keyring in memory."""

    def get_password(self, service, user):
        return self.get((service, user))

    def set_password(self, service, user, value):
        self[service, user] = value

    def delete_password(self, service, user):
        del self[service, user]


def job(kind: str) -> Job:
    return Job(id="0" * 16, kind=kind, status=JobStatus.STARTING, attempt=2, config={}, created_at="", updated_at="")


@pytest.fixture
def tokens(tmp_path):
    return TokenFiles(tmp_path / "memory")


def test_a_remembered_token_is_in_the_keyring_and_comes_back(tokens):
    ring = Ring()
    login = HubLogin({}, tokens, ask=lambda token: "me", keyring=ring)
    assert login.log_in(TOKEN, remember=True)["source"] == "keyring"
    again = HubLogin({}, tokens, ask=lambda token: "me", keyring=ring)
    assert again.status()["present"] is True
    assert again.log_out()["present"] is False
    assert ring == {}


def test_a_token_of_the_environment_is_used_and_named_so(tokens):
    login = HubLogin({"HF_TOKEN": TOKEN}, tokens, ask=lambda token: None, keyring=Ring())
    assert login.status()["source"] == "environment"


def test_jobs_that_need_the_hub_get_the_token_as_a_file_and_others_do_not(tokens, monkeypatch):
    login = HubLogin({}, tokens, ask=lambda token: None, keyring=Ring())
    login.hand_over(job("training"))
    assert tokens.path_if_there("0" * 16, 2) is None
    login.log_in(TOKEN, remember=False)
    assert login.status()["checked"] is False  # the Hub could not be asked
    login.hand_over(job("nothing"))
    assert tokens.path_if_there("0" * 16, 2) is None
    login.hand_over(job("training"))
    assert tokens.path("0" * 16, 2).read_text() == TOKEN


@pytest.mark.parametrize("token", ["short", "with space in it", "line\nbreak-in-it", "é" * 10, "x" * 201])
def test_what_has_no_form_of_a_token_is_refused_without_being_repeated(tokens, token):
    login = HubLogin({}, tokens, ask=lambda token: "me", keyring=Ring())
    with pytest.raises(InputError, match="no token") as caught:
        login.log_in(token, remember=False)
    assert token not in str(caught.value)


def test_without_a_keyring_nothing_is_remembered(tokens, monkeypatch):
    monkeypatch.setattr(hub, "_find_keyring", lambda: None)
    login = HubLogin({}, tokens, ask=lambda token: "me")
    with pytest.raises(InputError, match="no keyring"):
        login.log_in(TOKEN, remember=True)
    assert login.status() == {"present": False, "user": None, "source": None, "checked": False, "keyring": False}


@pytest.mark.parametrize(("status", "expected"), [(401, InputError), (503, None)])
def test_the_hubs_refusal_is_an_error_and_its_absence_is_none(monkeypatch, status, expected):
    from huggingface_hub.errors import HfHubHTTPError

    def whoami(self):
        raise HfHubHTTPError("no", response=httpx.Response(status, request=httpx.Request("GET", "http://hub")))

    monkeypatch.setattr("huggingface_hub.HfApi.whoami", whoami)
    if expected:
        with pytest.raises(expected, match="refuses"):
            ask_hub(TOKEN)
    else:
        assert ask_hub(TOKEN) is None


def test_the_hubs_token_goes_in_and_never_out(client, services, config, monkeypatch):
    monkeypatch.setattr(services.hub, "_ask", lambda token: "somebody")
    answers = [
        client.get("/api/hub"),
        client.put("/api/hub/token", json={"token": SEEN}),
        client.get("/api/hub"),
        client.get("/api/system"),
        client.get("/api/audit"),
        client.put("/api/hub/token", json={"token": SEEN + " with space"}),
        client.put("/api/hub/token", json={"token": SEEN, "remember": True}),
        client.put("/api/hub/token", json={"tokn": SEEN}),
        client.put(
            "/api/hub/token", content=f'{{"token": "{SEEN}"'.encode(), headers={"content-type": "application/json"}
        ),
    ]
    assert answers[2].json() == {
        "present": True,
        "user": "somebody",
        "source": "memory",
        "checked": True,
        "keyring": False,
    }
    assert not [answer.text for answer in answers if SEEN in answer.text]
    services.store.database.read("PRAGMA wal_checkpoint(TRUNCATE)")
    for path in config.state_dir.rglob("*"):
        assert not path.is_file() or SEEN.encode() not in path.read_bytes(), path
    assert client.delete("/api/hub/token").json()["present"] is False
