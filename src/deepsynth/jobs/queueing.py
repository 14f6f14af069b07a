"""Who may start: the first waiting job whose needs are free, without overtaking one that waits for the same thing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict

from deepsynth.jobs.job import Job


def choose_leases(
    waiting: Sequence[Job], capacity: Mapping[str, int], held: Collection[str]
) -> tuple[Job, list[str]] | None:
    """Return the job to start next and the resources that it gets, or none.

    A job that does not fit keeps what is free of its needs reserved, so that smaller ones behind it cannot starve it. One that
    this machine could never hold waits for another machine, and holds up nobody here.

    Args:
        waiting: jobs in the order of the queue.
        capacity: how many of each resource there are.
        held: what others hold, for example `gpu:0`.
    """
    free = {
        kind: [name for number in range(count) if (name := f"{kind}:{number}") not in held]
        for kind, count in capacity.items()
    }
    for job in waiting:
        wanted: dict[str, int] = asdict(job.needs)
        if all(len(free.get(kind, ())) >= count for kind, count in wanted.items()):
            return job, [name for kind, count in wanted.items() for name in free.get(kind, [])[:count]]
        if any(capacity.get(kind, 0) < count for kind, count in wanted.items()):
            continue
        for kind, count in wanted.items():
            free[kind] = free.get(kind, [])[count:]
    return None
