import asyncio

import pytest

from deepsynth.web.gate import Gate
from deepsynth.web.incoming import JSON_BYTES, IncomingBody, IncomingRequest, Refused
from deepsynth.web.login import Login


def request(path="/api/jobs", root_path="", *headers):
    return IncomingRequest({"method": "POST", "path": path, "root_path": root_path, "headers": headers})


def test_the_prefix_of_a_proxy_is_no_part_of_the_path():
    assert request("/deepsynth/api/jobs", "/deepsynth").path == "/api/jobs"
    assert request("/deepsynthetic", "/deepsynth").path == "/deepsynthetic"


def test_headers_that_come_twice_are_joined_and_a_broken_cookie_is_none():
    found = request("/", "", (b"host", b"a"), (b"host", b"b"), (b"cookie", b"a=1; b=2"))
    assert found.header("host") == "a, b"
    assert (found.cookie("b"), found.cookie("c"), found.header("origin")) == ("2", "", "")
    assert request("/", "", (b"cookie", b"a\x01=;;")).cookie("a") == ""


@pytest.mark.parametrize(("path", "own"), [("/api/uploads", True), ("/v1/chat", True), ("/api/jobs", False)])
def test_some_routes_read_their_bodies_themselves(path, own):
    assert request(path).has_own_body is own


@pytest.mark.parametrize(("headers", "body"), [([], False), ([(b"content-length", b"0")], False)])
def test_a_head_alone_has_no_body(headers, body):
    assert request("/", "", *headers).has_body is body


def test_a_body_that_announces_too_much_is_refused_unread():
    async def receive():
        raise AssertionError("it was read")

    with pytest.raises(Refused, match="at most 1,048,576 are read"):
        IncomingBody(receive, limited=True).check_length(str(JSON_BYTES + 1))
    IncomingBody(receive, limited=False).check_length(str(JSON_BYTES + 1))


def test_a_body_that_does_not_come_is_given_up(monkeypatch):
    monkeypatch.setattr("deepsynth.web.incoming.BODY_SECONDS", 0.05)
    sent = []

    async def app(scope, receive, send):
        assert (await receive())["type"] == "http.disconnect"

    async def receive():
        await asyncio.sleep(10)

    async def send(message):
        sent.append(message)

    gate = Gate(
        app, login=Login(None), hosts=frozenset(), read_only=lambda: False, audit=lambda *_: None, login_page=lambda: ""
    )
    headers = [(b"host", b"localhost"), (b"content-type", b"application/json"), (b"content-length", b"5")]
    scope = {"type": "http", "method": "POST", "path": "/api/jobs", "headers": headers, "client": None}
    asyncio.run(gate(scope, receive, send))
    assert sent[0]["status"] == 408
