"""Who may use the application: a token, one-time login links, and session cookies that the token has signed."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time

COOKIE = "deepsynth_session"
SESSION_SECONDS = 7 * 24 * 3600
TRIES_PER_MINUTE = 20


class Login:
    """Checks tokens, codes and cookies; without a token everything is open."""

    def __init__(self, token: str | None) -> None:
        self._token = token
        self._key = hashlib.sha256(b"session:" + (token or "").encode()).digest()
        self._codes: set[str] = set()
        self._failures: list[float] = []
        self._lock = threading.Lock()

    @property
    def required(self) -> bool:
        """Whether one must log in."""
        return self._token is not None

    @property
    def secret(self) -> str:
        """The token, to be kept out of whatever is written."""
        return self._token or ""

    def new_code(self) -> str:
        """Return a code that opens one session, once."""
        code = secrets.token_urlsafe(24)
        with self._lock:
            self._codes.add(code)
        return code

    def accepts_token(self, token: str) -> bool:
        """Tell whether this is the token, in the same time for every wrong one."""
        return self._token is not None and hmac.compare_digest(token.encode(), self._token.encode())

    def use_code(self, code: str) -> bool:
        """Tell whether this code was given out and not used yet; it is used now."""
        with self._lock:
            found = next((known for known in self._codes if hmac.compare_digest(known.encode(), code.encode())), None)
            self._codes.discard(found or "")
        return found is not None

    def may_try(self) -> bool:
        """Tell whether somebody may try to log in now; after many failures all must wait."""
        with self._lock:
            self._failures = [moment for moment in self._failures if time.monotonic() - moment < 60]
            return len(self._failures) < TRIES_PER_MINUTE

    def note_failure(self) -> None:
        """Count a wrong token or code."""
        with self._lock:
            self._failures.append(time.monotonic())

    def new_session(self) -> str:
        """Return the value of a session cookie."""
        expires = f"{int(time.time()) + SESSION_SECONDS:x}.{secrets.token_hex(8)}"
        return f"{expires}.{self._sign(expires)}"

    def accepts_session(self, cookie: str) -> bool:
        """Tell whether a cookie was signed here with today's token and has not run out."""
        expires, _, signature = cookie.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._sign(expires).encode()):
            return False
        return int(expires.partition(".")[0], 16) > time.time()

    def _sign(self, text: str) -> str:
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()
