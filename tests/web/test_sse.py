import json

from fastapi import FastAPI
from fastapi.testclient import TestClient

from deepsynth.web.sse import event_stream, event_text


def test_an_event_is_one_line_of_json():
    assert event_text("token", {"text": "a\nb é"}) == 'event: token\ndata: {"text": "a\\nb é"}\n\n'


def test_an_event_is_one_block_whatever_its_text():
    event = event_text("job", {"reason": "a\n\nevent: evil\ndata: x"}, 7)
    head, name, data, *rest = event.split("\n")
    assert (head, name, rest) == ("id: 7", "event: job", ["", ""])
    assert json.loads(data.removeprefix("data: ")) == {"reason": "a\n\nevent: evil\ndata: x"}


def test_a_stream_is_kept_by_nobody_on_the_way():
    app = FastAPI()

    @app.get("/events")
    async def events():
        async def some():
            yield event_text("hello", {})

        return event_stream(some())

    answer = TestClient(app).get("/events")
    assert answer.text == "event: hello\ndata: {}\n\n"
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert (answer.headers["cache-control"], answer.headers["x-accel-buffering"]) == ("no-store", "no")
