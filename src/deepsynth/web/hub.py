"""The login at the Hugging Face Hub: a token that comes in and never goes out again.

It is kept in memory, or in the system's keyring when that was asked for. Jobs that need it get it as a file in memory (see
`deepsynth.jobs.secrets`). Where nobody has logged in here, jobs use what `hf auth login` or HF_TOKEN has set up on the machine.
"""

from __future__ import annotations

import importlib
import importlib.util
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from deepsynth.core.errors import InputError
from deepsynth.jobs import Job
from deepsynth.jobs.secrets import TokenFiles
from deepsynth.workflows.catalog import job_kinds

SERVICE, USER = "deepsynth", "hub"


@dataclass(frozen=True, kw_only=True, slots=True)
class HubStatus:
    """What may be told of the login."""

    present: bool
    user: str | None
    source: str | None
    """`memory`, `keyring` or `environment`."""
    checked: bool
    """Whether the Hub has said whose token it is."""
    keyring: bool
    """Whether this machine has a keyring to remember it in."""


class HubLogin:
    """Holds the token."""

    def __init__(
        self,
        environment: Mapping[str, str],
        tokens: TokenFiles,
        *,
        ask: Callable[[str], str | None] | None = None,
        keyring: Any = None,
    ) -> None:
        """`ask` tells whose a token is, by default the Hub itself; `keyring` by default the package of that name, if there."""
        self._tokens, self._ask = tokens, ask or ask_hub
        self._keyring = keyring if keyring is not None else _find_keyring()
        self._lock = threading.Lock()
        self._user: str | None = None
        self._checked = False
        self._token, self._source = environment.get("HF_TOKEN"), "environment"
        if not self._token and self._keyring is not None:
            self._token, self._source = self._keyring.get_password(SERVICE, USER), "keyring"

    def status(self) -> dict[str, Any]:
        """Return what may be told."""
        present = bool(self._token)
        status = HubStatus(
            present=present,
            user=self._user if present else None,
            source=self._source if present else None,
            checked=present and self._checked,
            keyring=self._keyring is not None,
        )
        return asdict(status)

    def log_in(self, token: str, *, remember: bool) -> dict[str, Any]:
        """Take a token.

        Raises:
            InputError: it has no form of a token, the Hub refuses it, or there is no keyring to remember it in.
        """
        if not token.isascii() or not token.isprintable() or " " in token or not 8 <= len(token) <= 200:
            raise InputError("this is no token: make one at huggingface.co/settings/tokens", field="token")
        if remember and self._keyring is None:
            raise InputError("there is no keyring here: pip install keyring, or leave remember out", field="remember")
        user = self._ask(token)
        with self._lock:
            self._token, self._source = token, "keyring" if remember else "memory"
            self._user, self._checked = user, user is not None
            if remember:
                self._keyring.set_password(SERVICE, USER, token)
        return self.status()

    def log_out(self) -> dict[str, Any]:
        """Forget the token, in the keyring too."""
        with self._lock:
            if self._keyring is not None and self._keyring.get_password(SERVICE, USER):
                self._keyring.delete_password(SERVICE, USER)
            self._token, self._user, self._checked = None, None, False
        return self.status()

    def hand_over(self, job: Job) -> None:
        """Write the token for an attempt of a job that needs the Hub."""
        verb = job_kinds().get(job.kind)
        if self._token and verb is not None and verb.job is not None and verb.job.hub:
            self._tokens.write(job.id, job.attempt, self._token)


def ask_hub(token: str) -> str | None:
    """Return whose token it is; none when the Hub cannot be reached.

    Raises:
        InputError: the Hub refuses the token.
    """
    import httpx2
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    try:
        api: Any = HfApi(token=token)
        return str(api.whoami()["name"])
    except HfHubHTTPError as error:
        if error.response.status_code in (401, 403):
            raise InputError("the Hub refuses this token; make a new one", field="token") from None
        return None
    except (OSError, OfflineModeIsEnabled, httpx2.TransportError):  # no network
        return None


def _find_keyring() -> Any:
    if importlib.util.find_spec("keyring") is None:
        return None
    keyring: Any = importlib.import_module("keyring")
    usable = keyring.get_keyring().priority >= 1  # the stand-ins without a store have less
    return keyring if usable else None
