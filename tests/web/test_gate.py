import asyncio
import itertools
import json
import random
from urllib.parse import unquote

import pytest
from fastapi.testclient import TestClient

from deepsynth.web.app import create_app
from deepsynth.web.gate import HEADERS, OPEN
from deepsynth.web.services import make_services

TOKEN = "a-long-enough-token-for-tests"
HOSTILE_HOSTS = [
    "evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "evil.example:5000", "localhost@evil.example",
    "[::2]", "0x7f000001", "2130706433", "localhost:5000:5000", "", "localhost, evil.example", "127.0.0.1#.evil.example",
    "127.0.0.1/../evil", "ⅼocalhost", "localhost.", "169.254.169.254",
]  # fmt: skip
HOSTILE_ORIGINS = [
    "null", "http://evil.example", "http://127.0.0.1:5001", "https://127.0.0.1", "http://127.0.0.1.evil.example:5000",
    "file://", "chrome-extension://abc", "http://127.0.0.1:5000.evil.example", "http://user@127.0.0.1:5000", "http://",
    "127.0.0.1:5000", "http://localhost:5000", "ftp://127.0.0.1:5000",
]  # fmt: skip


@pytest.fixture
def guarded(config):
    made = make_services(config, TOKEN, environment={})
    with TestClient(create_app(config, services=made), base_url="http://127.0.0.1:5000") as client:
        yield client


@pytest.mark.parametrize("host", HOSTILE_HOSTS)
def test_a_name_that_is_not_ours_is_refused_for_every_method_and_path(client, host):
    for method, path in itertools.product(
        ("GET", "POST", "DELETE", "OPTIONS"), ("/", "/api/health", "/api/jobs", "/static/x.js")
    ):
        answer = client.request(method, path, headers={"host": host.encode()})
        assert answer.status_code == 421, (method, path)


@pytest.mark.parametrize("host", ["127.0.0.1:5000", "localhost", "localhost:8888", "[::1]:5000", "LOCALHOST:5000"])
def test_loopback_names_are_ours_on_any_port(client, host):
    assert client.get("/api/health", headers={"host": host}).status_code == 200


def test_further_names_are_those_of_the_settings(config):
    config = config.override({"allowed_hosts": ["deep.example", "other.example:8443"]})
    made = make_services(config, None, environment={})
    with TestClient(create_app(config, services=made)) as client:
        answers = {
            host: client.get("/api/health", headers={"host": host}).status_code
            for host in ("deep.example", "deep.example:99", "other.example:8443", "other.example:1", "x.deep.example")
        }
    assert list(answers.values()) == [200, 200, 200, 421, 421]


@pytest.mark.parametrize("origin", HOSTILE_ORIGINS)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_foreign_page_changes_nothing(client, origin, method):
    answer = client.request(method, "/api/jobs/0123456789abcdef", headers={"origin": origin}, json={})
    assert (answer.status_code, answer.json()["error"]) == (403, "ForeignOrigin")


@pytest.mark.parametrize("site", ["cross-site", "same-site", "weird"])
def test_a_browser_that_says_that_the_page_is_foreign_is_believed(client, site):
    assert client.post("/api/jobs", headers={"sec-fetch-site": site}, json={}).status_code == 403
    assert client.get("/api/jobs", headers={"sec-fetch-site": site}).status_code == 403
    assert client.get("/", headers={"sec-fetch-site": site}).status_code == 200  # somebody's link to the application


def test_our_own_page_may(client):
    headers = {"origin": "http://127.0.0.1:5000", "sec-fetch-site": "same-origin"}
    assert client.put("/api/queue", headers=headers, json={"order": []}).status_code == 200


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", "application/jsonx"],
)
def test_what_a_form_can_send_is_not_taken_as_json(client, kind):
    answer = client.post("/api/jobs", content=b'{"kind": "training"}', headers={"content-type": kind})
    assert (answer.status_code, answer.json()["error"]) == (415, "WrongContentType")


def test_every_route_but_the_open_ones_wants_a_login(guarded):
    closed = 0
    for path, methods in guarded.app.openapi()["paths"].items():
        for method in methods:
            concrete = path.replace("{path}", "x.js").replace("{name}", "a").replace("{split}", "train")
            for name in ("job_id", "file_id", "dataset_id", "model_id", "upload_id"):
                concrete = concrete.replace(f"{{{name}}}", "0123456789abcdef")
            concrete = concrete.replace("{index}", "0").replace("{number}", "0")
            answer = guarded.request(method.upper(), concrete)
            if concrete in OPEN or concrete.startswith("/static/"):
                assert answer.status_code != 401 or concrete == "/api/login", concrete
            else:
                closed += 1
                assert answer.status_code == 401, concrete
    assert closed > 45
    assert guarded.get("/api/openapi.json").status_code == 401


def test_the_page_without_login_is_the_login_page(guarded):
    answer = guarded.get("/")
    assert answer.status_code == 401
    assert answer.headers["content-type"].startswith("text/html")


def test_a_token_in_the_address_opens_nothing(guarded):
    assert guarded.get(f"/api/jobs?token={TOKEN}&access_token={TOKEN}").status_code == 401


@pytest.mark.parametrize(
    "value", [f"Bearer {TOKEN}x", f"Basic {TOKEN}", TOKEN, "Bearer", "Bearer ", f"Bearer {TOKEN[:-1]}"]
)
def test_only_the_whole_token_as_bearer_opens(guarded, value):
    assert guarded.get("/api/jobs", headers={"authorization": value}).status_code == 401
    assert guarded.get("/api/jobs", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_every_answer_has_the_headers_and_none_lets_other_origins_read(client):
    for path in ("/", "/login", "/api/health", "/api/nothing", "/static/none.js"):
        answer = client.get(path, headers={"origin": "http://evil.example"})
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS
        assert not [name for name in answer.headers if name.startswith("access-control")]
    preflight = client.options(
        "/api/jobs", headers={"origin": "http://evil.example", "access-control-request-method": "POST"}
    )
    assert not [name for name in preflight.headers if name.startswith("access-control")]


def test_bodies_over_the_limit_are_refused_announced_or_not(client):
    big = json.dumps({"kind": "training", "name": "x" * 2**20})
    assert client.post("/api/jobs", content=big, headers={"content-type": "application/json"}).status_code == 413

    def pieces():
        for start in range(0, len(big), 65536):
            yield big[start : start + 65536].encode()

    assert client.post("/api/jobs", content=pieces(), headers={"content-type": "application/json"}).status_code == 413


def test_web_sockets_are_refused(client):
    from starlette.websockets import WebSocketDisconnect

    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/api/events"):
        pass


def test_every_change_is_audited_and_no_reading_is(client):
    client.get("/api/jobs")
    client.post("/api/jobs", json={"kind": "nothing"})
    client.delete("/api/jobs/0123456789abcdef")
    rows = client.get("/api/audit").json()["entries"]
    assert [(row["method"], row["path"], row["status"]) for row in rows] == [
        ("DELETE", "/api/jobs/0123456789abcdef", 404),
        ("POST", "/api/jobs", 400),
    ]


PIECES = ["..", "%2e%2e", "..%2f", "..%5c", "%00", "//", "\\", "#", "?", "%23", "etc/passwd", "jobs.sqlite", "script.js", ".",
          "%c0%ae", "C:", "\\\\server\\share", "~", "templates", "index.html", "0123456789abcdef", "%252e%252e", "a" * 300]  # fmt: skip
ROOTS = ["/static/", "/api/jobs/", "/api/datasets/", "/api/models/", "/api/uploads/", "/api/jobs/0123456789abcdef/files/",
         "/api/datasets/0123456789abcdef/rows/train/0/pages/", "/", "/api/comparisons/"]  # fmt: skip


def raw_status(client, path):
    """Ask for a path exactly as it stands: an HTTP library would tidy it up first."""
    sent, asked = [], []

    async def receive():
        if asked:
            await asyncio.Event().wait()  # the caller stays on the line: a file's answer listens for its going away
        asked.append(True)
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "method": "GET", "path": unquote(path), "raw_path": path.encode(), "query_string": b"",
        "headers": [(b"host", b"localhost")], "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 5000), "scheme": "http",
        "http_version": "1.1", "root_path": "", "asgi": {"version": "3.0"},
    }  # fmt: skip
    client.portal.call(client.app, scope, receive, send)
    return sent[0]["status"]


def try_hostile_paths(client, count, seed):
    chance = random.Random(seed)
    found = set()
    for _ in range(count):
        path = chance.choice(ROOTS) + "/".join(chance.choices(PIECES, k=chance.randint(1, 5)))
        status = raw_status(client, path)
        found.add(status)
        assert status in (404, 405, 422) or path == "/static/script.js", (status, path)
    assert 404 in found


@pytest.mark.slow
def test_ten_thousand_hostile_paths_lead_nowhere(client):
    try_hostile_paths(client, 10_000, 0)


def test_some_hostile_paths_lead_nowhere(client):
    try_hostile_paths(client, 150, 1)


@pytest.mark.slow
def test_ten_thousand_hostile_hosts_and_origins_are_refused(client):
    chance = random.Random(2)
    parts = [
        "localhost",
        "127.0.0.1",
        "evil",
        "example",
        ".",
        ":",
        "@",
        "#",
        "/",
        "5000",
        "80",
        "-",
        "[",
        "]",
        "%",
        "0",
        "x",
    ]
    ours = {"localhost", "127.0.0.1", "[::1]"}
    for _ in range(10_000):
        name = "".join(chance.choices(parts, k=chance.randint(1, 6)))
        host, _, port = name.rpartition(":")
        if (host if port.isdigit() else name) in ours:
            continue
        answer = client.post("/api/jobs", headers={"host": name}, json={})
        assert answer.status_code == 421, name
        answer = client.post("/api/jobs", headers={"origin": f"http://{name}"}, json={})
        assert answer.status_code == 403, name
