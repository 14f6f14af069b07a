import time

import pytest
from PIL import Image
from tests.inference.vllm_stand_in import StandIn

from deepsynth.core.documents import Document
from deepsynth.core.errors import InputError, ModelError
from deepsynth.inference.summarizer import Summarizer
from deepsynth.inference.writing import Writing
from deepsynth.models import save_model

WRITING = Writing(max_new_tokens=10, repetition_times=0)
TEXTS = ["The lamp stands in the harbor.", "A much longer text about the tide, " * 12]


@pytest.fixture(scope="module")
def checkpoint(summarizer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    save_model(summarizer.loaded, folder)
    return folder


@pytest.fixture
def connect(summarizer, checkpoint):
    opened = []

    def open_client(server, **settings):
        given = {"rendering": summarizer.rendering, "checkpoint": checkpoint, **settings}
        opened.append(Summarizer.connect(server.url, **given))
        return opened[-1]

    yield open_client
    for client in opened:
        client.engine.close()


def documents():
    return [Document(id=str(number), text=text) for number, text in enumerate(TEXTS)]


def test_what_the_server_writes_is_what_the_model_here_writes(summarizer, connect):
    given = [*documents(), Image.effect_noise((200, 100), 60)]
    here = summarizer.summarize(given, writing=WRITING)
    with StandIn(summarizer) as server:
        there = connect(server).summarize(given, writing=WRITING)
    for ours, theirs in zip(here, there, strict=True):
        for name in ("text", "prompt_tokens", "visual_tokens", "generated_tokens", "stop_reason", "pages_used"):
            assert getattr(ours, name) == getattr(theirs, name), name
    assert there[0].model == "served-model"


def test_all_ways_of_writing_reach_the_server(summarizer, connect):
    ways = [
        WRITING.model_copy(update={"temperature": 0.9, "top_p": 0.8, "seed": 4}),
        WRITING.model_copy(update={"min_new_tokens": 10}),
        WRITING.model_copy(update={"no_repeat_ngram_size": 2}),
    ]
    expected = [summarizer.summarize(documents()[0], writing=way)[0].text for way in ways]
    with StandIn(summarizer) as server:
        client = connect(server)
        assert [client.summarize(documents()[0], writing=way)[0].text for way in ways] == expected


def test_a_server_that_reads_pages_in_another_mode_is_found_out(summarizer, connect):
    with (
        StandIn(summarizer, mode="nano-192") as server,
        pytest.raises(ModelError, match="takes 33: it uses another mode"),
    ):
        connect(server).summarize(documents()[0], writing=WRITING)


def test_a_loop_is_cut_off_by_closing_the_connection(summarizer, connect):
    with StandIn(summarizer) as server:
        server.delay = 0.01
        summary = connect(server).summarize(documents()[0], writing=Writing(max_new_tokens=150, min_new_tokens=150))[0]
        assert summary.stop_reason == "repetition"
        assert summary.generated_tokens < 150
        until(lambda: server.aborted == 1)


def until(true, seconds=10.0):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.01)


def test_a_stream_that_is_left_stops_the_server(summarizer, connect):
    with StandIn(summarizer) as server:
        server.delay = 0.02
        stream = iter(connect(server).stream(documents()[0], writing=Writing(max_new_tokens=200, repetition_times=0)))
        next(stream)
        stream.close()
        until(lambda: server.aborted == 1)


def test_what_the_server_refuses_is_said_in_its_words(summarizer, connect):
    with StandIn(summarizer, images=2) as server:
        with pytest.raises(InputError, match=r"refused \(400\): At most 2 image\(s\) may be provided in one prompt"):
            connect(server).summarize(documents()[1], writing=WRITING)
        assert connect(server).summarize(documents()[1], writing=WRITING, pages_per_prompt=2)[0].prompts > 1
        with pytest.raises(InputError, match="more '<image>' placeholders"):
            connect(server).summarize(Document(id="a", text="an <image> tag"), route="text", writing=WRITING)


def test_what_the_server_cannot_do_is_refused_before_it_is_asked(summarizer, connect):
    with StandIn(summarizer, adapters=("news",)) as server:
        client = connect(server)
        with pytest.raises(InputError, match="does no beam search"):
            client.summarize(documents()[0], writing=Writing(num_beams=2))
        with pytest.raises(InputError, match="no adapter 'law'; known: news"):
            client.summarize(documents()[0], adapter="law")
        with pytest.raises(InputError, match="reads pages in mode nano-128, not nano-192"):
            client.summarize(documents()[0], mode="nano-192")
        assert not server.requests
        client.summarize(documents()[0], adapter="news", writing=WRITING)
        assert server.requests[0]["model"] == "news"


def test_the_window_is_the_servers(summarizer, connect):
    with StandIn(summarizer, window=150) as server:
        assert connect(server).summarize(Document(id="a", text="The lamp. " * 300), writing=WRITING)[0].prompts > 1


def test_a_server_that_is_not_there_or_serves_another_model_is_named(summarizer, connect, checkpoint, tmp_path):
    with pytest.raises(ModelError, match="no vLLM server answers at http://127.0.0.1:9/v1"):
        Summarizer.connect("http://127.0.0.1:9/v1", checkpoint=checkpoint)
    with StandIn(summarizer) as server:
        with pytest.raises(ModelError, match="serves served-model; name one of them"):
            connect(server, model="other")
        with pytest.raises(ModelError, match="holds no tokenizer"):
            connect(server, checkpoint=tmp_path)
        with pytest.raises(ModelError, match="runs in a server"):
            connect(server).loaded.model.eval()
        card = server.cards()["data"][0]
        server.cards = lambda: {"data": [{name: value for name, value in card.items() if name != "max_model_len"}]}
        with pytest.raises(ModelError, match="does not say how long a prompt may be; only vLLM servers do"):
            connect(server)
        server.cards = lambda: [card]
        with pytest.raises(ModelError, match="models answers with list; it is no vLLM server"):
            connect(server)


def test_a_server_that_goes_away_breaks_off_with_one_line(summarizer, connect):
    server = StandIn(summarizer)
    with server:
        client = connect(server)
    with pytest.raises(ModelError, match="the vLLM server broke off"):
        client.summarize(documents()[0], writing=WRITING)
