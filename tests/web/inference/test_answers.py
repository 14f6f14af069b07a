import asyncio

import pytest
from fastapi import Response

from deepsynth.core.errors import InputError, MissingGlyphError, ModelError, SettingsError, StorageError
from deepsynth.inference.refusals import BusyError, TooLargeError, TooSlowError, UnavailableError, WrongTypeError
from deepsynth.web.inference.answers import GONE, headers_of, status_of, while_connected


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (InputError, 400),
        (MissingGlyphError, 400),
        (TooSlowError, 408),
        (TooLargeError, 413),
        (WrongTypeError, 415),
        (SettingsError, 422),
        (BusyError, 429),
        (StorageError, 500),
        (ModelError, 503),
        (UnavailableError, 503),
    ],
)
def test_each_error_has_its_status(kind, status):
    assert status_of(kind("x")) == status


def test_who_may_come_again_is_told_when():
    assert headers_of(BusyError("x", retry_after=7)) == {"Retry-After": "7"}
    assert headers_of(TooLargeError("x")) == {"Connection": "close"}
    assert headers_of(InputError("x")) == {}


class Client:
    """A request of a client that goes away after a while."""

    def __init__(self, seconds):
        self.seconds = seconds

    async def receive(self):
        await asyncio.sleep(self.seconds)
        return {"type": "http.disconnect"}


def test_work_stops_when_the_client_goes_away():
    stopped = []

    async def work():
        try:
            await asyncio.sleep(0.05)
        except asyncio.CancelledError:
            stopped.append(True)
            raise
        return Response(status_code=200)

    assert asyncio.run(while_connected(Client(0.0), work())).status_code == GONE
    assert stopped == [True]
    assert asyncio.run(while_connected(Client(9.0), work())).status_code == 200
