"""Why an attempt ended, in words that say what to do next."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deepsynth.jobs.folder import ExitRecord
from deepsynth.jobs.job import JobStatus

PAUSED_CODE = 75
"""Exit code of work that saved and stopped because it was asked to."""
_FULL = "the disk is full"


def describe_end(
    code: int, outcome: Mapping[str, Any] | None, *, mark: int, out_of_memory: bool = False, killed_because: str = ""
) -> ExitRecord:
    """Return how an attempt ended, from its exit code and from what the work wrote about it.

    Args:
        code: as `subprocess` gives it; negative for a signal.
        outcome: what `worker` wrote, if it came to that.
        mark: how far the job got.
        out_of_memory: whether the kernel counted a process that it killed for memory meanwhile.
        killed_because: why its runner killed it, if it did.
    """
    outcome = outcome or {}
    if code == 0:
        return ExitRecord(status=JobStatus.SUCCEEDED, result=str(outcome.get("result", "")), mark=mark)
    if killed_because:
        return ExitRecord(status=JobStatus.INTERRUPTED, reason=killed_because, mark=mark)
    if code == PAUSED_CODE:
        reason = str(outcome.get("detail", "stopped when it was asked to"))
        return ExitRecord(status=JobStatus.INTERRUPTED, reason=reason, mark=mark)
    if "detail" in outcome:
        return ExitRecord(status=JobStatus.FAILED, reason=_error(outcome), mark=mark)
    if code < 0:
        name = signal.Signals(-code).name
        if -code == signal.SIGKILL and out_of_memory:
            reason = "the machine ran out of memory and the system killed it; lower batch_size or the page mode"
            return ExitRecord(status=JobStatus.FAILED, reason=reason, mark=mark)
        return ExitRecord(status=JobStatus.INTERRUPTED, reason=f"killed by signal {-code} ({name})", mark=mark)
    return ExitRecord(status=JobStatus.FAILED, reason=f"ended with exit code {code}; its log says why", mark=mark)


def _error(outcome: Mapping[str, Any]) -> str:
    kind, detail = str(outcome.get("error", "")), str(outcome["detail"])
    if kind == "OutOfMemoryError" or "CUDA out of memory" in detail:
        return f"out of accelerator memory: {detail}; lower batch_size, or switch gradient_checkpointing on"
    if kind == "MemoryError":
        return "out of memory: lower batch_size or the page mode"
    if kind == "OSError" and "No space left" in detail:
        return f"{_FULL}: {detail}"
    if outcome.get("expected"):
        return detail
    return f"{kind}: {detail}" if detail else kind


def count_memory_kills(control_group: Path = Path("/sys/fs/cgroup")) -> int:
    """Return how many processes of this control group the kernel has killed for memory; 0 where it does not tell."""
    for name in ("memory.events", "memory/memory.oom_control"):
        path = control_group / name
        try:
            lines = path.read_text(encoding="ascii").splitlines()
        except OSError:
            continue
        return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)
    return 0
