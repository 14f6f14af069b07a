"""How a job moves from state to state, inside a transaction: the row changes, its leases go, and the history grows."""

from __future__ import annotations

from datetime import datetime, timedelta

from deepsynth.jobs.database import Transaction
from deepsynth.jobs.folder import ExitRecord
from deepsynth.jobs.job import ACTIVE, IllegalMoveError, Job, JobStatus, check_move
from deepsynth.jobs.rows import append_event, now, read_job

MAX_STALLS = 3
"""Automatic resumes in a row in which a job gets no further, before it stays interrupted."""
_ASKED = {JobStatus.PAUSING: JobStatus.PAUSED, JobStatus.CANCELLING: JobStatus.CANCELLED}
_ENDS = frozenset(JobStatus) - ACTIVE - {JobStatus.QUEUED}


def check_attempt(job: Job, attempt: int | None) -> None:
    """Refuse a report of another attempt than the current one; none speaks for no attempt.

    Raises:
        IllegalMoveError: names both attempts.
    """
    if attempt is not None and attempt != job.attempt:
        raise IllegalMoveError(f"job {job.id} is at attempt {job.attempt}; attempt {attempt} is over")


def move(transaction: Transaction, job: Job, target: JobStatus, reason: str, result: str = "") -> Job:
    """Move a job and return it as it stands then; back to `queued` begins the next attempt.

    Raises:
        IllegalMoveError: the table of moves has no such move.
    """
    check_move(job, target)
    time, queued = max(now(), _just_after(job.updated_at)), target is JobStatus.QUEUED
    transaction.run(
        "UPDATE jobs SET status = ?, attempt = ?, updated_at = ?, reason = ?, result = ?, started_at = ?, ended_at = ?"
        " WHERE id = ?",
        (
            *(str(target), job.attempt + queued, time, reason, result),
            time if target is JobStatus.STARTING else "" if queued else job.started_at,
            time if target in _ENDS else "",
            job.id,
        ),
    )
    if target not in ACTIVE:
        transaction.run("DELETE FROM leases WHERE job_id = ?", (job.id,))
    moved = read_job(transaction, job.id)
    append_event(transaction, moved)
    return moved


def _just_after(time: str) -> str:
    """Return the next time that the store can write: a job's moves are in order even when the clock is set back."""
    return (datetime.fromisoformat(time) + timedelta(milliseconds=1)).isoformat(timespec="milliseconds")


def settle(transaction: Transaction, job: Job, record: ExitRecord) -> Job:
    """Move a job whose attempt has ended to where its record says; return it as it stands then.

    An attempt that stopped because it was asked to (its record says `interrupted`) becomes paused or cancelled. One that was
    interrupted unasked goes back into the queue, until it has stalled more than `MAX_STALLS` times in a row.
    """
    target = record.status
    if target is JobStatus.INTERRUPTED and job.status in _ASKED:
        target = _ASKED[job.status]
    elif job.status is JobStatus.STARTING and target is JobStatus.SUCCEEDED:
        job = move(transaction, job, JobStatus.RUNNING, "")
    job = move(transaction, job, target, record.reason, record.result)
    return _resume_interrupted(transaction, job, record.mark) if target is JobStatus.INTERRUPTED else job


def _resume_interrupted(transaction: Transaction, job: Job, mark: int) -> Job:
    stalls = 0 if mark > job.mark else job.stalls + 1
    if stalls > MAX_STALLS:
        return job
    transaction.run(
        "UPDATE jobs SET stalls = ?, mark = ?, automatic_resumes = automatic_resumes + 1 WHERE id = ?",
        (stalls, max(mark, job.mark), job.id),
    )
    return move(transaction, read_job(transaction, job.id), JobStatus.QUEUED, f"goes on by itself: {job.reason}")
