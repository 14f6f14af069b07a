import io
import queue

import pytest

from deepsynth.core.documents import Document
from deepsynth.core.errors import ModelError
from deepsynth.inference.worker.frames import Frame, pack_pages, read_frame
from deepsynth.inference.worker.model_process import Conversation, facts, load
from deepsynth.inference.worker.settings import ModelSettings


def request(summarizer, number, text="The lamp", **asking):
    pages, blobs = pack_pages(summarizer.example(Document(id="d", text=text)).pages)
    header = {"do": "summarize", "id": number, "document": "d", "text": text, "pages": pages}
    return Frame(header={**header, "asking": {"writing": {"max_new_tokens": 6}, **asking}}, blobs=blobs)


def converse(summarizer, frames, turns=40):
    arrived, target = queue.SimpleQueue(), io.BytesIO()
    for frame in frames:
        arrived.put(frame)
    conversation = Conversation(summarizer, arrived, target)
    for _ in range(turns):
        conversation.turn()
        if not conversation._runner.busy:
            break
    target.seek(0)
    found = []
    while (frame := read_frame(target)) is not None:
        found.append(frame.header)
    return found


def test_requests_are_answered_piece_by_piece_side_by_side(summarizer):
    told = converse(summarizer, [request(summarizer, 1), request(summarizer, 2, "The tide " * 30)])
    for number in (1, 2):
        mine = [header for header in told if header["id"] == number]
        text = "".join(header["text"] for header in mine[:-1])
        assert mine[-1]["summary"]["text"] == text
        alone = summarizer.summarize(
            Document(id="d", text="The lamp" if number == 1 else "The tide " * 30), writing=None
        )[0]
        assert alone.text.startswith(text[:3])
    assert max(header["running"] for header in told) == 2


def test_a_request_that_cannot_be_served_is_told_why(summarizer):
    told = converse(
        summarizer, [request(summarizer, 1, adapter="x"), request(summarizer, 2, mood="bad"), request(summarizer, 3)]
    )
    assert [header["id"] for header in told if "error" in header] == [2, 1]
    assert told[0]["error"]["kind"] == "SettingsError"
    assert told[-1]["id"] == 3


def test_a_cancelled_request_says_nothing_more(summarizer):
    told = converse(
        summarizer, [request(summarizer, 1), Frame(header={"do": "cancel", "id": 1}), request(summarizer, 2)]
    )
    assert [header for header in told if header["id"] == 1] == [{"id": 1, "running": 0, "waiting": 0}]
    assert "summary" in told[-1]


def test_facts_tell_what_a_server_needs_to_know(summarizer):
    known = facts(summarizer)
    assert (known["trained"], known["rendering"]["mode"], known["window"]) == (False, "nano-128", 4096)


def test_settings_choose_the_model():
    assert load(ModelSettings(model="tiny", max_running=3)).engine.max_rows == 3
    with pytest.raises(ModelError, match="nowhere"):
        load(ModelSettings(model="nowhere"))


def test_a_small_model_gets_one_thread_unless_told_otherwise(monkeypatch):
    chosen = []
    monkeypatch.setattr("torch.set_num_threads", chosen.append)
    load(ModelSettings(model="tiny"))
    load(ModelSettings(model="tiny", threads=3))
    assert chosen == [1, 3]
