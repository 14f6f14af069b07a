"""Calls to the Hub that stumble: which failures are worth another try, and which are the user's to mend.

Everything goes through `huggingface_hub` and its own login; no token is read, kept or shown here, and addresses are shown
without what stands behind their question mark, since upload addresses carry signatures there.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from deepsynth.core.errors import DeepSynthError, InputError
from deepsynth.core.progress import Reporter, SilentReporter

T = TypeVar("T")

LONGEST_WAIT = 60.0
"""Seconds between two tries at most."""
_TRANSIENT = (408, 425, 429, 500, 502, 503, 504)
_SECRETS = re.compile(r"\?[^\s'\"<>]+|\bhf_[A-Za-z0-9]{6,}")
_CONFLICT = 412


class HubError(DeepSynthError):
    """The Hub did not do what was asked, although it was asked several times."""

    exit_code = 1


class HubConflict(DeepSynthError):
    """Somebody else changed the repository in the meantime."""

    exit_code = 1


class HubCalls:
    """Makes calls, and makes them again where the network or the Hub stumbled."""

    def __init__(self, reporter: Reporter | None = None, attempts: int = 5, wait: float = 1.0) -> None:
        """`wait` is the pause before the second try in seconds; it doubles from try to try."""
        self.hub = import_hub()
        self._reporter = reporter or SilentReporter()
        self._attempts, self._wait = attempts, wait

    def call(self, what: str, function: Callable[[], T]) -> T:
        """Return what `function` returns; `what` names the deed in messages (`reading the file list`).

        Raises:
            InputError: not logged in, login refused or expired, consent or rights missing, no network wanted.
            HubConflict: the repository has moved on since it was looked at.
            HubError: it failed `attempts` times in a row.
        """
        for attempt in range(1, self._attempts + 1):
            try:
                return function()
            except (transport_error(), OSError, RuntimeError) as error:
                status, retry_after = self._judge(what, error)
                if attempt == self._attempts:
                    times = f"{attempt} times" if attempt > 1 else "once"
                    raise HubError(f"{what} failed {times}: {first_line(error)}; run it again later") from error
            pause = min(LONGEST_WAIT, self._wait * 2 ** (attempt - 1)) if retry_after is None else retry_after
            reason = "connection lost" if status is None else f"answer {status}"
            self._reporter.message(f"{what}: {reason}; trying again in {pause:.0f} s ({attempt} of {self._attempts})")
            time.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    def _judge(self, what: str, error: Exception) -> tuple[int | None, float | None]:
        """Return status (none: no answer) and the wait that the Hub asks for; raise what another try cannot mend."""
        errors = self.hub.errors
        for item in _causes(error):
            if isinstance(item, errors.LocalTokenNotFoundError):
                raise InputError(f"{what} needs a login: run `hf auth login`") from error
            if isinstance(item, errors.OfflineModeIsEnabled):
                raise InputError(f"{what} needs the network, which HF_HUB_OFFLINE switches off") from error
            if isinstance(item, errors.HfHubHTTPError):
                return self._judge_answer(what, item)
            if isinstance(item, (transport_error(), ConnectionError, TimeoutError)):
                return None, None
        raise error

    def _judge_answer(self, what: str, error: Any) -> tuple[int, float | None]:
        errors, status = self.hub.errors, error.response.status_code
        if status == 401:
            raise InputError(
                f"{what}: the Hub does not accept your login (none, expired, or none that may see this); run `hf auth login`"
            ) from error
        if isinstance(error, errors.GatedRepoError):
            raise InputError(
                f"{what}: accept the terms on the repository's page first, then `hf auth login`"
            ) from error
        if status == 403:
            raise InputError(f"{what}: your login lacks the rights for this repository") from error
        if status == _CONFLICT:
            raise HubConflict(f"{what}: the repository has changed in the meantime; run it again") from error
        if status not in _TRANSIENT:
            raise error
        asked = error.response.headers.get("Retry-After", "")
        return status, min(float(asked), LONGEST_WAIT) if asked.isdigit() else None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def first_line(error: BaseException | None) -> str:
    """Return the first line of an error without anything secret."""
    lines = str(error).strip().splitlines()
    return _SECRETS.sub("", lines[0]) if lines else type(error).__name__


def import_hub() -> Any:
    """Return `huggingface_hub` with its errors, its own progress bars switched off; it takes a moment to import."""
    import huggingface_hub
    import huggingface_hub.errors
    from huggingface_hub.utils import disable_progress_bars  # pyright: ignore[reportPrivateImportUsage]

    disable_progress_bars()
    return huggingface_hub


def transport_error() -> type[Exception]:
    """Return the class of all that the Hub's HTTP client raises, whichever client `huggingface_hub` is built on."""
    from huggingface_hub.errors import HfHubHTTPError

    return HfHubHTTPError.__bases__[0]
