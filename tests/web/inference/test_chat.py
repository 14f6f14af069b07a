import base64

import pytest

from deepsynth.core.errors import InputError, SettingsError
from deepsynth.inference.refusals import WrongTypeError
from deepsynth.web.inference.chat import ChatRequest, asking_of, document_of

PDF = "data:application/pdf;base64," + base64.b64encode(b"%PDF-1.7").decode()
USER = {"role": "user", "content": "The lamp"}


def request(*messages, **others):
    return ChatRequest.parse({"model": "m", "messages": list(messages) or [USER], **others})


def parts(*content):
    return {"role": "user", "content": list(content)}


def text(value):
    return {"type": "text", "text": value}


def test_text_alone_is_the_document_and_the_system_says_what_is_asked():
    assert document_of(request()) == ([("text", b"The lamp")], "Summarize.")
    system = {"role": "system", "content": "Read."}
    assert document_of(request(system, USER)) == ([("text", b"The lamp")], "Read.")
    assert document_of(request(parts(text("a"), text("b")))) == ([("text", b"a\nb")], "Summarize.")


def test_beside_files_the_text_is_what_is_asked():
    file = {"type": "file", "file": {"file_data": PDF, "filename": "a.pdf"}}
    assert document_of(request(parts(text("In one line."), file))) == ([("pdf", b"%PDF-1.7")], "In one line.")
    assert document_of(request(parts(file, file)))[1] == "Summarize."


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (
            parts({"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}),
            "this server fetches nothing",
        ),
        (parts({"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}), "this server fetches nothing"),
        (parts({"type": "image_url", "image_url": {"url": "data:image/png,abc"}}), "must be in base64"),
        (
            parts({"type": "image_url", "image_url": {"url": "data:image/png;base64,@@"}}),
            "base64 of the image_url is damaged",
        ),
        (parts({"type": "input_audio"}), "'input_audio' is not read"),
        (parts({"type": "image_url"}), "data: URL"),
        (parts(text(" ")), "neither text nor pictures"),
    ],
)
def test_parts_that_cannot_be_used_are_named(message, reason):
    with pytest.raises(InputError, match=reason):
        document_of(request(message))


def test_a_picture_that_is_none_is_refused():
    with pytest.raises(WrongTypeError, match="says image/png, but the content is application/pdf"):
        document_of(
            request(parts({"type": "image_url", "image_url": {"url": PDF.replace("application/pdf", "image/png")}}))
        )


def test_a_conversation_is_refused():
    with pytest.raises(InputError, match="one user message"):
        document_of(request(USER, {"role": "assistant", "content": "a"}, USER))


def test_settings_go_by_their_openai_names():
    asked = request(max_tokens=9, stop="x", temperature=0.5, min_tokens=2, mode="nano-192", max_pages=3)
    asking = asking_of(asked, "Read.", adapter="news")
    assert (asking.writing.max_new_tokens, asking.writing.min_new_tokens, asking.writing.stop) == (9, 2, ("x",))
    assert (asking.mode, asking.max_pages, asking.instruction, asking.adapter) == ("nano-192", 3, "Read.", "news")
    assert asking_of(request(max_tokens=9, max_completion_tokens=5), "", adapter="").writing.max_new_tokens == 5
    with pytest.raises(SettingsError) as refused:
        asking_of(request(max_tokens=0, max_completion_tokens=-1), "a", adapter="")
    assert refused.value.field == "max_tokens"


@pytest.mark.parametrize("wrong", [{"n": 2}, {"logprobs": True}, {"tools": []}, {"messages": []}, {"temprature": 1}])
def test_what_is_not_served_is_refused_by_name(wrong):
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        request(**wrong)
