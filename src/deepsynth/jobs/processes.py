"""The processes of a job: found by a mark in their environment, measured, and ended.

A process id may be given to somebody else, so it proves nothing. Every process of an attempt inherits `DEEPSYNTH_JOB`, and
psutil tells a process from a later one with the same id by its start time.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import psutil

MARK = "DEEPSYNTH_JOB"
"""Environment variable `<job id>:<attempt>` of every process of an attempt; on a shared store `<job id>:<attempt>:<host>`."""
_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int) -> None:
    """Let the kernel kill this process when its parent ends; where it cannot, a thread looks every second.

    Call it in the main thread. `parent` is the id that the parent knows of itself: when it has ended already, end here too.
    """
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        threading.Thread(target=_watch_parent, args=(parent,), daemon=True).start()
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def _watch_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGKILL)


def mark(job_id: str, attempt: int, host: str) -> str:
    """Return the value of `MARK`."""
    return f"{job_id}:{attempt}" + (f":{host}" if host else "")


def marked_processes(job_ids: Collection[str], host: str = "") -> dict[str, list[psutil.Process]]:
    """Return the living processes that `host` runs for these jobs, this one left out, in one walk over the process table."""
    found: dict[str, list[psutil.Process]] = {job_id: [] for job_id in job_ids}
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        try:
            owner, _, rest = process.environ().get(MARK, "").partition(":")
            if owner in found and rest.partition(":")[2] == host and process.status() != psutil.STATUS_ZOMBIE:
                found[owner].append(process)
        except (psutil.Error, OSError):  # gone, or of another user
            continue
    return found


def sweep(job_ids: Collection[str], host: str = "", *, seconds: float = 5.0) -> None:
    """Kill every process that `host` runs for these jobs, those too that are born meanwhile, for up to `seconds`."""
    end = time.monotonic() + seconds
    while job_ids and time.monotonic() < end:
        alive = [process for processes in marked_processes(job_ids, host).values() for process in processes]
        if not alive:
            return
        for process in alive:
            try:
                process.kill()
            except psutil.Error:
                continue
        time.sleep(0.02)  # waiting for them here would take their exit codes away from whoever started them


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """What the processes of a tree take."""

    memory_mib: float
    cpu_seconds: float


def usage(root: int) -> Usage:
    """Return memory and processor time of a process and all below it; zero when it is gone."""
    memory = seconds = 0.0
    for process in _tree(root):
        try:
            times = process.cpu_times()
            memory += process.memory_info().rss / 2**20
            seconds += times.user + times.system
        except psutil.Error:
            continue
    return Usage(memory_mib=memory, cpu_seconds=seconds)


def _tree(root: int) -> Iterator[psutil.Process]:
    try:
        top = psutil.Process(root)
        yield top
        yield from top.children(recursive=True)
    except psutil.Error:
        return
