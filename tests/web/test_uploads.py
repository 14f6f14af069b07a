import asyncio
import io

import pytest
from PIL import Image

from deepsynth.web import uploads
from deepsynth.web.errors import FullError, TooLargeError, TooSlowError, UnknownThingError, WrongContentTypeError
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

    with pytest.raises(TooSlowError, match="no byte of the upload came"):
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


def test_uploads_come_as_raw_bodies_and_their_pages_are_drawn(client):
    picture = io.BytesIO()
    Image.new("RGB", (200, 100), "white").save(picture, "PNG")
    answer = client.post("/api/uploads?name=a.png", content=picture.getvalue(), headers={"content-type": "image/png"})
    assert answer.status_code == 201
    identity = answer.json()["upload"]["id"]
    assert client.get(f"/api/uploads/{identity}").json()["upload"]["pages"] == 1
    page = client.get(f"/api/uploads/{identity}/pages/0.png?width=100")
    assert Image.open(io.BytesIO(page.content)).size == (100, 50)
    assert client.get(f"/api/uploads/{identity}/pages/1.png").status_code == 404
    assert [upload["id"] for upload in client.get("/api/uploads").json()["uploads"]] == [identity]
    assert client.delete(f"/api/uploads/{identity}").status_code == 200
    assert client.get(f"/api/uploads/{identity}").status_code == 404


def test_an_upload_that_a_job_reads_stays(client, services):
    services.scheduler.capacity["cpu"] = 0
    answer = client.post("/api/uploads", content=b"text\n", headers={"content-type": "text/plain"})
    upload = answer.json()["upload"]
    job = client.post("/api/jobs", json={"kind": "dataset", "settings": {"source": upload["reference"]}}).json()["job"]
    assert client.delete(f"/api/uploads/{upload['id']}").status_code == 409
    client.post(f"/api/jobs/{job['job_id']}/cancel")
    assert client.delete(f"/api/uploads/{upload['id']}").status_code == 200


def test_text_has_no_pages_and_other_types_are_not_taken(client):
    answer = client.post("/api/uploads", content=b"text\n", headers={"content-type": "text/plain"})
    identity = answer.json()["upload"]["id"]
    assert client.get(f"/api/uploads/{identity}/pages/0.png").status_code == 400
    assert client.post("/api/uploads", content=b"x", headers={"content-type": "text/html"}).status_code == 415
    assert client.post("/api/uploads", content=b"x", headers={"content-type": "multipart/form-data"}).status_code == 415
