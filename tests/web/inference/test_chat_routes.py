"""OpenAI's own client against the server."""

import base64
import io

import openai
import pytest
from PIL import Image


@pytest.fixture(scope="module")
def client(server):
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0, timeout=120) as client:
        yield client


def ask(client, content="The lamp stands in the harbor.", **others):
    given = {"model": "tiny", "max_tokens": 8, "messages": [{"role": "user", "content": content}], **others}
    return client.chat.completions.create(**given)


def png_url():
    target = io.BytesIO()
    Image.effect_noise((90, 60), 40).save(target, "PNG")
    return "data:image/png;base64," + base64.b64encode(target.getvalue()).decode()


def test_models_are_listed_and_found(client):
    assert [model.id for model in client.models.list()] == ["tiny", "news"]
    assert client.models.retrieve("tiny").owned_by == "deepsynth"
    with pytest.raises(openai.NotFoundError, match="no model 'gpt' is served; known: tiny, news"):
        client.models.retrieve("gpt")


def test_an_adapter_is_a_model_of_its_own(client):
    base, tuned = (ask(client, model=name).choices[0].message.content for name in ("tiny", "news"))
    assert base != tuned
    assert ask(client, extra_body={"adapter": "news"}).choices[0].message.content == tuned


def test_a_stream_joins_to_the_whole_answer(client):
    whole = ask(client)
    chunks = list(ask(client, stream=True, stream_options={"include_usage": True}))
    assert (
        "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        == whole.choices[0].message.content
    )
    assert chunks[-1].usage == whole.usage
    assert chunks[-2].choices[0].finish_reason == whole.choices[0].finish_reason == "length"
    assert whole.usage.completion_tokens == 8
    assert whole.usage.prompt_tokens_details.visual_tokens == 21
    assert len({chunk.id for chunk in chunks}) == 1


def test_pictures_are_pages_and_the_text_is_what_is_asked(client):
    picture = {"type": "image_url", "image_url": {"url": png_url()}}
    one = ask(client, [picture, {"type": "text", "text": "Read."}])
    two = ask(client, [picture, picture, {"type": "text", "text": "Read."}])
    assert two.usage.prompt_tokens - one.usage.prompt_tokens == 21
    other = ask(client, [picture, {"type": "text", "text": "Read."}], extra_body={"mode": "nano-256"})
    assert other.usage.prompt_tokens_details.visual_tokens == 73


def test_a_loop_is_told_beside_the_finish_reason(client):
    answer = ask(client, max_tokens=300, extra_body={"min_tokens": 300})
    assert answer.choices[0].finish_reason == "stop"
    assert answer.choices[0].stop_reason == "repetition"


@pytest.mark.parametrize(
    ("others", "kind", "param"),
    [
        ({"model": "gpt"}, openai.NotFoundError, "model"),
        ({"max_tokens": 0}, openai.BadRequestError, "max_tokens"),
        ({"temperature": 9}, openai.BadRequestError, "temperature"),
        ({"n": 3}, openai.BadRequestError, "n"),
        ({"logprobs": True}, openai.BadRequestError, "logprobs"),
        ({"extra_body": {"mode": "none"}}, openai.BadRequestError, "mode"),
        ({"max_tokens": 1025}, openai.BadRequestError, "max_new_tokens"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_refusals_have_openais_form(client, others, kind, param, stream):
    with pytest.raises(kind) as refused:
        ask(client, stream=stream, **others)
    assert refused.value.body["param"] == param
    assert refused.value.body["message"]


def test_another_content_type_is_refused(server):
    answer = server.client.post("/v1/chat/completions", content=b"{}", headers={"Content-Type": "text/plain"})
    assert answer.status_code == 415
    assert answer.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("name", ["gpt", "a/b", "two%0Alines", "%24%F3%BA%A5%A9%0AMvF~%C2%88"])
def test_a_model_that_is_not_served_is_told_in_openais_form_whatever_its_name(server, name):
    answer = server.client.get(f"/v1/models/{name}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")
