import errno

import httpx2
import pytest
from huggingface_hub import errors

from deepsynth.core.errors import InputError
from deepsynth.data.hub_calls import HubCalls, HubConflict, HubError, first_line


def answer(status: int, kind=errors.HfHubHTTPError, **headers):
    return kind("no", response=httpx2.Response(status, headers=headers, request=httpx2.Request("GET", "http://hub")))


class Stumbling:
    """Fails with each of the errors in turn, then answers."""

    def __init__(self, *failures):
        self.failures = list(failures)

    def __call__(self):
        if self.failures:
            raise self.failures.pop(0)
        return "answer"


@pytest.fixture
def waits(monkeypatch):
    found = []
    monkeypatch.setattr("deepsynth.data.hub_calls.time.sleep", found.append)
    return found


def wrapped(inner: Exception) -> Exception:
    error = RuntimeError("Error while uploading")
    error.__cause__ = inner
    return error


def test_waits_double_and_follow_what_the_hub_asks_for(waits, reporter):
    stumbling = Stumbling(
        answer(500), httpx2.ConnectError("lost"), wrapped(answer(503)), answer(429, **{"Retry-After": "7"})
    )
    assert HubCalls(reporter, 5, 0.5).call("asking", stumbling) == "answer"
    assert waits == [0.5, 1.0, 2.0, 7.0]
    assert reporter.messages[0] == "asking: answer 500; trying again in 0 s (1 of 5)"
    assert reporter.messages[1].startswith("asking: connection lost; trying again")


def test_a_wait_is_never_longer_than_a_minute(waits):
    assert HubCalls(attempts=2).call("asking", Stumbling(answer(429, **{"Retry-After": "86400"}))) == "answer"
    assert waits == [60.0]


@pytest.mark.parametrize(
    ("failure", "kind", "message"),
    [
        (answer(401), InputError, "hf auth login"),
        (answer(401, errors.RepositoryNotFoundError), InputError, "does not accept your login"),
        (answer(403), InputError, "lacks the rights"),
        (answer(403, errors.GatedRepoError), InputError, "accept the terms"),
        (answer(412), HubConflict, "changed in the meantime"),
        (errors.LocalTokenNotFoundError("none"), InputError, "needs a login"),
        (errors.OfflineModeIsEnabled("off"), InputError, "HF_HUB_OFFLINE"),
        (answer(404, errors.RepositoryNotFoundError), errors.RepositoryNotFoundError, "no"),
        (OSError(errno.ENOSPC, "disk full"), OSError, "disk full"),
        (RuntimeError("a mistake of ours"), RuntimeError, "a mistake"),
    ],
)
def test_what_another_try_cannot_mend_is_told_at_once(waits, failure, kind, message):
    with pytest.raises(kind, match=message):
        HubCalls().call("asking", Stumbling(failure))
    assert waits == []


def test_the_last_failure_is_told_with_the_number_of_tries(waits):
    with pytest.raises(HubError, match="asking failed 2 times: no; run it again later"):
        HubCalls(attempts=2).call("asking", Stumbling(answer(500), answer(500)))


def test_addresses_lose_their_signatures_and_tokens_their_letters():
    shown = first_line(OSError("PUT https://cdn/x?Signature=abc&Key=d failed for hf_abcdefGHIJKL\nmore"))
    assert shown == "PUT https://cdn/x failed for "
    assert first_line(OSError()) == "OSError"
