"""Errors that name the culprit and the remedy; the command line turns each into one line and an exit code."""


class DeepSynthError(Exception):
    """Something that the user can mend."""

    exit_code = 2

    def __init__(self, message: str | None = None, *, field: str | None = None) -> None:
        """`message` names the culprit and the remedy; `field` is the dotted setting or column it came from."""
        super().__init__(message or type(self).__doc__)
        self.field = field


class SettingsError(DeepSynthError):
    """A setting is unknown or out of its limits."""


class InputError(DeepSynthError):
    """A document, row or file cannot be used as it is."""


class MissingGlyphError(InputError):
    """No bundled font draws a character of the document."""


class ModelError(DeepSynthError):
    """A model folder, weight or family does not fit."""


class CheckpointError(DeepSynthError):
    """A checkpoint is incomplete or damaged."""


class TrainingError(DeepSynthError):
    """Training cannot go on."""

    exit_code = 1


class QualityError(DeepSynthError):
    """A model scores worse than it must."""

    exit_code = 1


class MissingExtraError(DeepSynthError):
    """An optional part is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is not installed; install it with: pip install 'deepsynth[{extra}]'")


class StorageError(DeepSynthError):
    """The disk refused a write."""


class QueueError(DeepSynthError):
    """Nobody runs the queue of jobs."""

    exit_code = 1


class Paused(DeepSynthError):
    """The run was asked to pause; it saved a checkpoint first."""

    exit_code = 75  # EX_TEMPFAIL: try again later, which is what resume does
