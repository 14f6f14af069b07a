import gzip
import json

import pytest

from deepsynth.web.errors import UnknownThingError
from deepsynth.web.routes import site
from deepsynth.web.routes.site import find_static, hash_sources, page, static_media_type


@pytest.fixture
def web(tmp_path):
    (tmp_path / "static" / "modules").mkdir(parents=True)
    (tmp_path / "templates").mkdir()
    (tmp_path / "static" / "script.js").write_text("import './modules/a.js';")
    (tmp_path / "static" / "modules" / "a.js").write_text("export {};")
    (tmp_path / "static" / "notes.md").write_text("not served")
    (tmp_path / "templates" / "index.html").write_text("<script type=module src={{ script }}></script>{{ style }}")
    return tmp_path


def build(web, sources):
    dist = web / "static" / "dist"
    dist.mkdir(exist_ok=True)
    (dist / "script.abc.min.js").write_text("1")
    (dist / "script.abc.min.js.gz").write_bytes(gzip.compress(b"1"))
    names = {"script": "script.abc.min.js", "style": "style.abc.min.css", "sources": sources}
    (dist / "manifest.json").write_text(json.dumps(names))


def test_a_checkout_serves_the_modules_and_a_fitting_build_is_preferred(web):
    assert page("index", web) == "<script type=module src=static/script.js></script>static/style.css"
    build(web, hash_sources(web / "static", 0))
    assert "static/dist/script.abc.min.js" in page("index", web)
    build(web, "of other sources")
    assert "static/script.js" in page("index", web)


def test_without_pages_the_api_is_still_named(tmp_path):
    assert "openapi.json" in page("index", tmp_path)


@pytest.mark.parametrize(
    "path",
    ["", ".", "..", "../templates/index.html", "modules", "modules/../script.js", "modules//a.js", "/script.js", "notes.md",
     "script.js/", "script.js\0", "modules\\a.js", ".hidden.js", "x" * 400 + ".js", "none.js", "link.js", "folder/hosts.js"],
)  # fmt: skip
def test_nothing_but_files_of_the_front_end_is_served(web, path):
    (web / "static" / ".hidden.js").write_text("x")
    (web / "static" / "link.js").symlink_to("/etc/passwd")
    (web / "static" / "folder").symlink_to("/etc")
    with pytest.raises(UnknownThingError):
        find_static(web / "static", path)


def test_files_have_their_type_their_caching_and_their_tag(client, web, monkeypatch):
    monkeypatch.setattr(site, "WEB", web)
    build(web, "x")
    answer = client.get("/static/script.js")
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    again = client.get("/static/script.js", headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    built = client.get("/static/dist/script.abc.min.js", headers={"accept-encoding": "gzip"})
    assert "immutable" in built.headers["cache-control"]
    assert (built.headers["content-encoding"], built.text) == ("gzip", "1")
    plain = client.get("/static/dist/script.abc.min.js", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers


def test_only_files_of_a_front_end_have_a_media_type():
    assert static_media_type("a/script.js") == "text/javascript; charset=utf-8"
    assert static_media_type("a.py") is None
    assert static_media_type("a.html") is None
