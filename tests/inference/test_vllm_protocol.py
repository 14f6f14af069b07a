import base64

import httpx2
import pytest
from PIL import Image

from deepsynth.core.documents import Example, Page
from deepsynth.core.errors import InputError, ModelError
from deepsynth.inference.engine import Prompt
from deepsynth.inference.vllm_protocol import chunks, data_url, refuse, request_of, stop_reason
from deepsynth.inference.writing import Writing

PAGES = tuple(Page(document_id="a", number=number, image=Image.new("L", (8, 8), 255)) for number in range(2))


def prompt(pages=PAGES, text=None, **writing):
    example = Example(id="a", pages=pages, text=text, instruction=" Summarize. ")
    return Prompt(example=example, mode="gundam", writing=Writing(**writing))


def test_pages_stand_before_the_instruction_with_a_placeholder_each():
    request = request_of(prompt(), "served", ())
    *pictures, text = request["messages"][0]["content"]
    assert [item["image_url"]["url"] for item in pictures] == [data_url(page) for page in PAGES]
    assert text["text"] == "<image><image>\nSummarize."
    assert base64.b64decode(data_url(PAGES[0]).partition(",")[2]).startswith(b"\x89PNG")


def test_only_what_is_asked_for_is_said():
    plain = request_of(prompt((), "a lamp"), "served", {7})
    assert plain["messages"][0]["content"][0]["text"] == "a lamp\nSummarize."
    assert not {"seed", "stop", "vllm_xargs"} & set(plain)
    asked = request_of(prompt(seed=3, stop=("END",), no_repeat_ngram_size=4, max_new_tokens=9), "served", {8, 7})
    assert (asked["seed"], asked["stop"], asked["max_tokens"]) == (3, ["END"], 9)
    assert asked["vllm_xargs"] == {"ngram_size": 4, "window_size": 9, "whitelist_token_ids": [7, 8]}


@pytest.mark.parametrize(
    ("choice", "reason"),
    [
        ({"finish_reason": None}, ""),
        ({"finish_reason": "stop", "stop_reason": None}, "eos"),
        ({"finish_reason": "stop", "stop_reason": "END"}, "stop"),
        ({"finish_reason": "length"}, "length"),
    ],
)
def test_the_end_is_told_in_our_words(choice, reason):
    assert stop_reason(choice) == reason


def test_a_stream_ends_with_its_mark_and_breaks_off_without(monkeypatch):
    whole = httpx2.Response(200, text='data: {"a": 1}\n\nignored\ndata: [DONE]\ndata: {"a": 2}\n')
    assert list(chunks(whole)) == [{"a": 1}]
    with pytest.raises(ModelError, match="closed the stream before its end"):
        list(chunks(httpx2.Response(200, text='data: {"a": 1}\n')))
    with pytest.raises(ModelError, match="broke off: out of memory"):
        list(chunks(httpx2.Response(200, text='data: {"error": {"message": "out of memory"}}\n')))


def test_a_refusal_is_the_users_or_the_servers():
    refuse(httpx2.Response(200, text=""))
    with pytest.raises(InputError, match=r"refused \(400\): too long"):
        refuse(httpx2.Response(400, json={"error": {"message": "too\nlong"}}))
    with pytest.raises(ModelError, match=r"refused \(503\): starting"):
        refuse(httpx2.Response(503, text="starting"))
