import asyncio

import pytest

from deepsynth.web import uploads
from deepsynth.web.errors import FullError, TooLargeError, UnknownThingError, WrongContentTypeError
from deepsynth.web.uploads import Uploads


async def pieces(*parts):
    for part in parts:
        yield part


def store(tmp_path, **limits):
    return Uploads(tmp_path, **({"upload_bytes": 100, "quota_bytes": 150, "free_bytes": 0} | limits))


def receive(place, *parts, kind="text/plain", name="a.txt"):
    return asyncio.run(place.receive(pieces(*parts), kind, name))


def test_an_upload_is_kept_whole_under_an_id(tmp_path):
    place = store(tmp_path)
    values = receive(place, b"one ", b"two", name="../../etc/x.txt")
    assert (values["bytes"], values["name"]) == (7, "x.txt")
    assert place.content(values["id"]).read_bytes() == b"one two"
    assert place.list() == [values]
    place.delete(values["id"])
    with pytest.raises(UnknownThingError):
        place.get(values["id"])


@pytest.mark.parametrize(
    ("limits", "parts", "kind", "error"),
    [
        ({}, [b"x" * 60, b"x" * 60], "text/plain", TooLargeError),
        ({"upload_bytes": 1000}, [b"x" * 160], "text/plain", FullError),
        ({"free_bytes": 2**60}, [b"x"], "text/plain", FullError),
        ({}, [b"x"], "text/html", WrongContentTypeError),
        ({}, [b"MZ"], "application/pdf", WrongContentTypeError),
        ({}, [b"a\0b"], "text/plain", WrongContentTypeError),
        ({}, [], "text/plain", WrongContentTypeError),
    ],
)
def test_what_is_refused_leaves_nothing_behind(tmp_path, limits, parts, kind, error):
    with pytest.raises(error):
        receive(store(tmp_path, **limits), *parts, kind=kind)
    assert list(tmp_path.iterdir()) == []


def test_a_client_that_goes_away_leaves_nothing_behind(tmp_path):
    async def broken():
        yield b"x"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        asyncio.run(store(tmp_path).receive(broken(), "text/plain", "a"))
    assert list(tmp_path.iterdir()) == []


def test_a_body_that_stops_coming_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(uploads, "CHUNK_SECONDS", 0.05)

    async def slow():
        yield b"x"
        await asyncio.sleep(10)
        yield b"y"

    with pytest.raises(TooLargeError, match="no byte came"):
        asyncio.run(store(tmp_path).receive(slow(), "text/plain", "a"))


def test_the_quota_counts_what_is_there(tmp_path):
    place = store(tmp_path)
    receive(place, b"x" * 100)
    with pytest.raises(FullError, match="delete some"):
        receive(place, b"x" * 60)


@pytest.mark.parametrize("identity", ["", "..", "../..", "." * 16, "0" * 15, "0" * 16])
def test_ids_lead_nowhere_else(tmp_path, identity):
    with pytest.raises(UnknownThingError):
        store(tmp_path).content(identity)
