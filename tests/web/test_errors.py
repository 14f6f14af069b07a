import pytest

from deepsynth.core.errors import InputError, StorageError
from deepsynth.web import errors


def test_a_fault_of_the_server_tells_nothing_of_itself(client, services, monkeypatch, caplog):
    def fail():
        raise RuntimeError("/secret/path")

    monkeypatch.setattr(services.store.queue, "waiting", fail)
    answer = client.get("/api/queue")
    assert (answer.status_code, answer.json()["error"]) == (500, "RuntimeError")
    assert "/secret/path" not in answer.text
    assert "/secret/path" in caplog.text


def test_a_store_that_does_not_answer_is_a_503_that_may_be_tried_again(client, services, monkeypatch):
    def fail():
        raise StorageError("locked")

    monkeypatch.setattr(services.store.queue, "waiting", fail)
    answer = client.get("/api/queue")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")


def test_tokens_are_blotted_out_of_errors(client, services, monkeypatch):
    def fail():
        raise InputError("cannot use hf_" + "a" * 30)

    monkeypatch.setattr(services.store.queue, "waiting", fail)
    answer = client.get("/api/queue")
    assert answer.json() == {"error": "InputError", "detail": "cannot use [redacted]", "field": None}


def test_a_browser_that_strays_gets_a_page_and_a_program_gets_json(client):
    browser = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    answer = client.get("/jobs", headers=browser)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert 'href="/"' in answer.text
    for path, accept in (("/jobs", "application/json"), ("/jobs", "*/*"), ("/api/nothing", browser["accept"])):
        answer = client.get(path, headers={"accept": accept})
        assert (answer.status_code, answer.json()["error"]) == (404, "NotFound")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/api/jobs", "GET, POST"),
        ("POST", "/api/queue", "GET, PUT"),
        ("PUT", "/api/jobs/0123456789abcdef", "DELETE, GET, PATCH"),
    ],
)
def test_a_wrong_method_is_told_all_that_are_right(client, method, path, allowed):
    answer = client.request(method, path, json={})
    assert (answer.status_code, answer.headers["allow"], answer.json()["error"]) == (405, allowed, "WrongMethod")


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b'{"kind": "\xe4"}', b""])
def test_a_body_that_is_no_json_is_malformed(client, body):
    answer = client.post("/api/jobs", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["error"]) == (422, "MalformedRequest")


def test_a_wrong_part_of_a_request_is_named(client):
    answer = client.post("/api/jobs", json={"kind": "training", "grace_seconds": 0})
    assert (answer.status_code, answer.json()["field"]) == (422, "grace_seconds")
    assert client.get("/api/jobs?limit=9999").json()["field"] == "limit"


def test_an_id_of_no_form_is_unknown(client):
    assert client.get("/api/jobs/..").status_code == 404
    assert client.get("/api/jobs/XYZ").json()["error"] == "NotFound"


def test_every_error_of_ours_has_a_status():
    own = [kind for kind in vars(errors).values() if isinstance(kind, type) and kind.__module__ == errors.__name__]
    assert all(kind in errors.STATUS for kind in own if issubclass(kind, Exception))


@pytest.mark.parametrize(
    ("content", "detail"), [(b"{", "the body is not valid JSON"), (b"[1]", "body: a JSON object is expected")]
)
def test_a_body_that_is_no_object_names_no_field(client, content, detail):
    answer = client.post("/api/jobs", content=content, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["detail"], answer.json()["field"]) == (422, detail, None)
