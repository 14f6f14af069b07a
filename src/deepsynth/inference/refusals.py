"""Why a request is not served, in kinds that a server can answer differently."""

from __future__ import annotations

from deepsynth.core.errors import DeepSynthError, InputError, MissingGlyphError, ModelError, SettingsError


class TooLargeError(InputError):
    """A document, picture or text is larger than the limits allow."""


class WrongTypeError(InputError):
    """The content is not of the type that it claims, or of a type that is not read."""


class TooSlowError(InputError):
    """The request or the document took longer than the limits allow."""


class UnknownModelError(InputError):
    """No model of that name is served."""


class BusyError(DeepSynthError):
    """As many requests wait already as may."""

    def __init__(self, message: str | None = None, *, retry_after: int = 1, field: str | None = None) -> None:
        """`retry_after` are seconds after which a place may be free."""
        super().__init__(message, field=field)
        self.retry_after = retry_after


class UnavailableError(DeepSynthError):
    """The model cannot be reached now: it failed to load, died, or is being unloaded."""

    def __init__(self, message: str | None = None, *, retry_after: int = 5, field: str | None = None) -> None:
        """`retry_after` are seconds after which it may be back."""
        super().__init__(message, field=field)
        self.retry_after = retry_after


KINDS: dict[str, type[DeepSynthError]] = {
    kind.__name__: kind
    for kind in (
        InputError,
        MissingGlyphError,
        ModelError,
        SettingsError,
        TooLargeError,
        WrongTypeError,
        TooSlowError,
        BusyError,
        UnavailableError,
    )
}


def to_message(error: DeepSynthError) -> dict[str, str | None]:
    """Return an error as it travels between processes."""
    known = next((kind.__name__ for kind in type(error).__mro__ if kind.__name__ in KINDS), "InputError")
    return {"kind": known, "message": str(error), "field": error.field}


def from_message(message: dict[str, str | None]) -> DeepSynthError:
    """Return the error that `to_message` described."""
    return KINDS[message["kind"] or "InputError"](message["message"], field=message["field"])
