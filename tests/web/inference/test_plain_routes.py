import io
import json

import httpx2
import pytest
from PIL import Image

from deepsynth.core.documents import Document
from deepsynth.core.errors import SettingsError
from deepsynth.inference.summarizer import Summarizer
from deepsynth.inference.writing import Writing
from deepsynth.rendering.config import RenderConfig
from deepsynth.web.inference.plain_routes import asking_from

TEXT = "The lamp stands in the harbor."
FEW = {"max_new_tokens": 8}


def post(server, text=TEXT, options=FEW, **others):
    return server.client.post("/api/summarize", json={"text": text, "options": options, **others})


def events(text):
    found = []
    for block in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if lines:
            found.append((lines["event"], json.loads(lines["data"])))
    return found


def png():
    target = io.BytesIO()
    Image.effect_noise((90, 60), 40).save(target, "PNG")
    return target.getvalue()


def test_a_summary_over_http_is_the_one_made_here(server):
    here = Summarizer.load("tiny", rendering=RenderConfig(mode="nano-128")).summarize(
        Document(id="a", text=TEXT), writing=Writing(max_new_tokens=8)
    )[0]
    there = post(server).json()
    for name in ("text", "prompt_tokens", "visual_tokens", "generated_tokens", "stop_reason", "mode", "text_tokens"):
        assert there[name] == getattr(here, name), name
    assert there["sources"][0]["pages"] == [0]
    assert there["compression"] == here.compression


def test_the_base_and_an_adapter_of_it_are_asked_by_name(server, news):
    here = Summarizer.load("tiny", rendering=RenderConfig(mode="nano-128"), adapters={"news": news})
    document, writing = Document(id="a", text=TEXT), Writing(max_new_tokens=8)
    expected = {name: here.summarize(document, writing=writing, adapter=name)[0].text for name in ("", "news")}
    assert expected[""] != expected["news"]
    for options, adapter in (
        ({"model": "tiny"}, ""),
        ({"model": "news"}, "news"),
        ({"adapter": "news"}, "news"),
        ({"model": "tiny", "adapter": "news"}, "news"),
    ):
        answer = post(server, options={**FEW, **options}).json()
        assert (answer["text"], answer["adapter"], answer["model"]) == (expected[adapter], adapter, "tiny"), options
    raw = server.client.post(
        "/api/summarize?max_new_tokens=8&model=news", content=TEXT.encode(), headers={"Content-Type": "text/plain"}
    )
    assert raw.json()["text"] == expected["news"]


def test_a_text_that_loops_is_written_once_more_when_asked(server):
    answer = post(server, options={"max_new_tokens": 120, "min_new_tokens": 120, "repetition_retry": True}).json()
    assert (answer["retries"], answer["stop_reason"] == "repetition") == (1, False)


def test_events_tell_the_state_the_text_and_the_summary(server):
    answer = post(server, stream=True)
    assert answer.headers["content-type"].startswith("text/event-stream")
    told = events(answer.text)
    assert [data["state"] for name, data in told if name == "status"] == ["queued", "drawing", "writing"]
    assert told[-1][0] == "summary"
    assert (
        "".join(data["text"] for name, data in told if name == "token")
        == told[-1][1]["text"]
        == post(server).json()["text"]
    )


def test_a_raw_document_comes_with_its_options_in_the_query(server):
    answer = server.client.post(
        "/api/summarize?max_new_tokens=3&mode=nano-192", content=png(), headers={"Content-Type": "image/png"}
    ).json()
    assert (answer["generated_tokens"], answer["mode"], answer["pages_used"]) == (3, "nano-192", 1)
    streamed = server.client.post(
        "/api/summarize?max_new_tokens=3&stream=true", content=b"# Tide", headers={"Content-Type": "text/markdown"}
    )
    assert events(streamed.text)[-1][0] == "summary"


@pytest.mark.parametrize(
    ("sent", "status", "kind", "field"),
    [
        ({"json": {"text": "a", "options": {"mood": 1}}}, 422, "SettingsError", "options.mood"),
        ({"json": {"text": "a", "options": {"max_new_tokens": 0}}}, 422, "SettingsError", "options.max_new_tokens"),
        ({"json": {"text": "a", "options": {"max_new_tokens": 1025}}}, 422, "SettingsError", "max_new_tokens"),
        ({"json": {"text": "a", "options": {"mode": "base"}}}, 422, "SettingsError", "mode"),
        ({"json": {"text": "a", "options": {"adapter": "x"}}}, 400, "InputError", "adapter"),
        ({"json": {"text": "a", "options": {"model": "gpt"}}}, 404, "UnknownModelError", "options.model"),
        (
            {"json": {"text": "a", "options": {"model": "news", "adapter": "law"}}},
            400,
            "InputError",
            "options.model",
        ),
        ({"json": {"text": " "}}, 400, "InputError", None),
        ({"json": {"text": "a", "txt": "a"}}, 422, "SettingsError", "txt"),
        ({"content": b"{", "headers": {"Content-Type": "application/json"}}, 400, "InputError", None),
        ({"content": png(), "headers": {"Content-Type": "application/pdf"}}, 415, "WrongTypeError", None),
        ({"content": b"%PDF-1.7 x", "headers": {"Content-Type": "application/pdf"}}, 400, "InputError", None),
        (
            {"content": b"a=b", "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
            415,
            "WrongTypeError",
            None,
        ),
    ],
)
def test_what_cannot_be_served_is_one_clear_answer(server, sent, status, kind, field):
    answer = server.client.post("/api/summarize", **sent)
    assert (answer.status_code, answer.json()["error"], answer.json()["field"]) == (status, kind, field), answer.text
    assert "/tmp" not in answer.json()["detail"]


def test_a_plan_tells_the_cost_and_shows_the_pages(server):
    plan = server.client.post("/api/plan", json={"text": TEXT * 9, "options": {}}).json()
    assert plan["visual_tokens"] == 21 * plan["pages"]
    assert len(plan["images"]) == plan["pages"]
    assert plan["images"][0].startswith("data:image/png;base64,")
    assert plan["text_tokens_basis"] == "estimated"
    assert plan["compression"] == plan["text_tokens"] / plan["visual_tokens"]


def test_a_client_that_goes_away_stops_the_work(server):
    post(server)
    before = server.metrics()
    for streamed in (True, False):
        body = {
            "text": TEXT,
            "options": {"max_new_tokens": 1000, "min_new_tokens": 1000, "repetition_times": 0},
            "stream": streamed,
        }
        with httpx2.Client(base_url=server.url, timeout=0.3) as client:
            try:
                with client.stream("POST", "/api/summarize", json=body) as answer:
                    next(answer.iter_lines())
            except httpx2.ReadTimeout:
                pass
    server.until(lambda: (server.status()["running"], server.status()["waiting"]) == (0, 0), seconds=5)
    name = 'deepsynth_inference_requests_total{outcome="canceled"}'
    server.until(lambda: server.metrics().get(name, 0) >= before.get(name, 0) + 2, seconds=5)


@pytest.mark.slow
def test_the_model_can_be_unloaded_and_comes_back(server):
    post(server)
    assert server.client.get("/api/inference/ready").json() == {"ready": True, "state": "ready"}
    assert server.client.post("/api/inference/unload").json()["state"] == "unloaded"
    assert server.metrics()["deepsynth_inference_model_loaded"] == 0
    assert server.client.get("/api/inference/ready").status_code == 200
    assert server.client.post("/api/inference/load").status_code == 202
    server.until(lambda: server.status()["state"] == "ready")
    assert post(server).status_code == 200


def test_metrics_count_requests_and_tokens(server):
    before = server.metrics()
    summary = post(server).json()
    after = server.metrics()

    def grown(name):
        return after[name] - before.get(name, 0)

    assert grown('deepsynth_inference_tokens_total{kind="generated"}') == summary["generated_tokens"]
    assert grown('deepsynth_inference_tokens_total{kind="visual"}') == 21
    assert grown('deepsynth_inference_requests_total{outcome="ok"}') == 1
    assert grown("deepsynth_inference_seconds_count") == 1
    assert after["deepsynth_inference_running"] == 0


def test_options_lie_flat():
    asking = asking_from({"max_new_tokens": "9", "route": "auto", "stop": ["x"]})
    assert (asking.writing.max_new_tokens, asking.route, asking.writing.stop) == (9, "auto", ("x",))
    with pytest.raises(SettingsError, match="as options themselves"):
        asking_from({"writing": {}})
