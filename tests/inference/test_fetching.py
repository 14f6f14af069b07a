import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from deepsynth.core.errors import InputError
from deepsynth.inference.fetching import fetch, is_url


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        kind, _, status = self.path.strip("/").partition("_")
        types = {"text": "text/plain; charset=utf-8", "bare.md": "application/octet-stream", "video": "video/mp4"}
        self.send_response(int(status or 200))
        self.send_header("Content-Type", types.get(kind, "text/plain"))
        self.end_headers()
        self.wfile.write(b"The lamp " * (100_000 if kind == "large" else 1))

    def log_message(self, *args):
        pass


@pytest.fixture
def url():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_document_comes_with_the_ending_of_its_type(url):
    found = fetch(f"{url}/text")
    assert found.path.suffix == ".txt"
    assert found.path.read_text() == "The lamp "
    assert (found.id, found.meta["url"]) == (f"{url}/text", f"{url}/text")


def test_the_name_tells_the_kind_where_the_type_does_not(url):
    found = fetch(f"{url}/bare.md")
    assert found.path.suffix == ".md"


@pytest.mark.parametrize(
    ("path", "message"),
    [("video", "is video/mp4"), ("text_404", "404"), ("large", "larger than 50,000 bytes")],
)
def test_what_cannot_be_used_is_refused(url, path, message):
    with pytest.raises(InputError, match=message):
        fetch(f"{url}/{path}", max_bytes=50_000)


def test_an_address_where_nobody_answers_is_named():
    with pytest.raises(InputError, match=r"http://127\.0\.0\.1:9/a\.txt cannot be fetched"):
        fetch("http://127.0.0.1:9/a.txt")


def test_only_the_web_counts():
    assert is_url("https://example.org/a.pdf")
    assert not is_url("file:///etc/passwd")
    assert not is_url("a.txt")
