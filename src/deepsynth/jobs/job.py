"""A job is a value: frozen, with a state whose legal moves stand in one table."""

from __future__ import annotations

import enum
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from deepsynth.core.errors import DeepSynthError

GRACE_SECONDS = 120.0
"""How long a job may take to stop when asked, unless its request says otherwise."""
SHUTDOWN_SECONDS = 90.0
"""How long work may take to save when its machine is about to stop."""


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

ACTIVE = frozenset({_S.STARTING, _S.RUNNING, _S.PAUSING, _S.CANCELLING})
"""States in which something of the job may be alive; it holds its leases in these and in no other."""

DELETABLE = frozenset({_S.PAUSED, _S.CANCELLED, _S.SUCCEEDED, _S.FAILED, _S.INTERRUPTED})
"""States in which nothing of the job is alive, so that its record may be deleted."""

REQUESTS: Mapping[str, Mapping[JobStatus, JobStatus]] = {
    "pause": {
        _S.QUEUED: _S.PAUSED,
        _S.STARTING: _S.PAUSING,
        _S.RUNNING: _S.PAUSING,
        _S.PAUSING: _S.PAUSING,
        _S.PAUSED: _S.PAUSED,
    },
    "resume": {_S.PAUSED: _S.QUEUED, _S.FAILED: _S.QUEUED, _S.INTERRUPTED: _S.QUEUED, _S.QUEUED: _S.QUEUED},
    "cancel": {
        _S.QUEUED: _S.CANCELLED,
        _S.PAUSED: _S.CANCELLED,
        _S.STARTING: _S.CANCELLING,
        _S.RUNNING: _S.CANCELLING,
        _S.PAUSING: _S.CANCELLING,
        _S.CANCELLING: _S.CANCELLING,
        _S.CANCELLED: _S.CANCELLED,
    },
}
"""What a person may ask for, from which states, and where it leads; asking again changes nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Needs:
    """What a job holds while it is active, all of it or nothing."""

    cpu: int = 1
    """Slots for work; the machine has as many as its settings say."""
    gpu: int = 0
    """Accelerators for itself alone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One piece of long work, as the store knows it."""

    id: str
    kind: str
    """What it makes, for example `training`; see `deepsynth.workflows.kinds`."""
    status: JobStatus
    attempt: int
    """Counts from 1; a report of an older attempt is refused."""
    config: Mapping[str, Any]
    created_at: str
    updated_at: str
    number: int = 0
    """Place in the order of creation."""
    name: str = ""
    """What its author calls it."""
    output: str = ""
    """Folder that it writes."""
    parent: str = ""
    """Id of the job whose result it starts from."""
    needs: Needs = Needs()
    grace_seconds: float = GRACE_SECONDS
    """How long it may take to stop when asked, before it is killed."""
    rank: int = 0
    """Order in the queue; smaller comes first."""
    started_at: str = ""
    """When this attempt started."""
    ended_at: str = ""
    reason: str = ""
    """Why it is in its state, in words."""
    save: bool = True
    """Whether a cancelled job may save first."""
    automatic_resumes: int = 0
    """Times that it was put back into the queue after an interruption, without anybody asking."""
    stalls: int = 0
    """Automatic resumes in a row in which it got no further."""
    mark: int = -1
    """The furthest that an attempt got; see `deepsynth.jobs.folder.JobFolder.mark`."""
    host: str = ""
    """The machine that its newest attempt was given to; empty on a store that one machine has to itself."""
    heard_at: int = 0
    """When that attempt was last heard of, in seconds by the store's own clock; kept on shared stores only."""
    leases: tuple[str, ...] = ()
    """What it holds, for example `cpu:0` and `gpu:1`."""
    progress: Mapping[str, Any] = field(default_factory=dict[str, Any])
    result: str = ""
    """What the command line would print at its end."""


def new_job_id() -> str:
    """Return sixteen random hexadecimal digits."""
    return secrets.token_hex(8)


def check_move(job: Job, target: JobStatus) -> None:
    """Refuse a move that the table does not hold.

    Raises:
        IllegalMoveError: names the state and the moves that it allows.
    """
    if target in MOVES[job.status]:
        return
    allowed = ", ".join(sorted(MOVES[job.status])) or "none"
    raise IllegalMoveError(f"job {job.id} is {job.status} and cannot become {target}; allowed from here: {allowed}")


def actions(status: JobStatus) -> list[str]:
    """Return what a person may usefully ask for in this state."""
    asked = [name for name, moves in REQUESTS.items() if moves.get(status, status) is not status]
    return [*asked, "delete"] if status in DELETABLE else asked
