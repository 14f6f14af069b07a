"""A job is a value: frozen, with a state whose legal moves stand in one table."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from deepsynth.core.errors import DeepSynthError


class IllegalMoveError(DeepSynthError):
    """A job cannot make this move from the state it is in."""


class UnknownJobError(DeepSynthError):
    """No job has this id."""


class JobStatus(enum.StrEnum):
    """What a job is doing; the value is what the store and the HTTP API hold."""

    QUEUED = "queued"
    """Waits for its turn."""
    STARTING = "starting"
    """Its runner has been started and has not reported yet."""
    RUNNING = "running"
    """Its runner works."""
    PAUSING = "pausing"
    """Asked to pause; finishes its step and saves a checkpoint."""
    PAUSED = "paused"
    """Stopped with a checkpoint; resume continues it."""
    CANCELLING = "cancelling"
    """Asked to stop for good."""
    CANCELLED = "cancelled"
    """Stopped on request."""
    SUCCEEDED = "succeeded"
    """Finished."""
    FAILED = "failed"
    """Ended by an error, whose reason is kept."""
    INTERRUPTED = "interrupted"
    """Ended without an exit record: killed, or the machine went away."""


_S = JobStatus

MOVES: Mapping[JobStatus, frozenset[JobStatus]] = {
    _S.QUEUED: frozenset({_S.STARTING, _S.PAUSED, _S.CANCELLED}),
    _S.STARTING: frozenset({_S.RUNNING, _S.PAUSING, _S.CANCELLING, _S.FAILED, _S.INTERRUPTED}),
    _S.RUNNING: frozenset({_S.PAUSING, _S.CANCELLING, _S.SUCCEEDED, _S.FAILED, _S.INTERRUPTED}),
    _S.PAUSING: frozenset({_S.PAUSED, _S.CANCELLING, _S.SUCCEEDED, _S.FAILED, _S.INTERRUPTED}),
    _S.PAUSED: frozenset({_S.QUEUED, _S.CANCELLED}),
    _S.CANCELLING: frozenset({_S.CANCELLED, _S.SUCCEEDED, _S.FAILED, _S.INTERRUPTED}),
    _S.FAILED: frozenset({_S.QUEUED}),
    _S.INTERRUPTED: frozenset({_S.QUEUED}),
    _S.CANCELLED: frozenset(),
    _S.SUCCEEDED: frozenset(),
}
"""From each state, the states that may follow. Back to `queued` is resume and begins the next attempt."""

DELETABLE = frozenset({_S.PAUSED, _S.CANCELLED, _S.SUCCEEDED, _S.FAILED, _S.INTERRUPTED})
"""States in which nothing of the job is alive, so that its record may be deleted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One piece of long work, as the store knows it."""

    id: str
    kind: str
    """The verb that it runs, for example `train`."""
    status: JobStatus
    attempt: int
    """Counts from 1; a report of an older attempt is refused."""
    config: Mapping[str, Any]
    created_at: str
    updated_at: str
    reason: str = ""
    """Why it is in its state, in words."""
    progress: Mapping[str, Any] = field(default_factory=dict[str, Any])


def check_move(job: Job, target: JobStatus) -> None:
    """Refuse a move that the table does not hold.

    Raises:
        IllegalMoveError: names the state and the moves that it allows.
    """
    if target in MOVES[job.status]:
        return
    allowed = ", ".join(sorted(MOVES[job.status])) or "none"
    raise IllegalMoveError(f"job {job.id} is {job.status} and cannot become {target}; allowed from here: {allowed}")
