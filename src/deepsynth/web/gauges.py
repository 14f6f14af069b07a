"""What Prometheus is told of jobs, read from the store at the moment of asking."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from deepsynth.jobs import JobStatus, StateManager
from deepsynth.jobs.machine import disk_free
from deepsynth.workflows.catalog import job_kinds


class JobGauges(Collector):
    """Jobs by kind and state, resources, room on the disk, and whether this server runs the queue."""

    def __init__(
        self,
        store: StateManager,
        state_dir: Path,
        capacity: Mapping[str, int],
        is_mine: Callable[[], bool],
        host: str = "",
    ) -> None:
        """`capacity`: what this machine (`host`) has; `is_mine`: whether its queue is this server's."""
        self._store, self._state_dir, self._capacity, self._is_mine = store, state_dir, capacity, is_mine
        self._host = host

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Name nothing beforehand, so that registering asks the store for nothing."""
        yield from ()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the gauges."""
        jobs = GaugeMetricFamily("deepsynth_jobs", "Jobs by kind and state.", labels=["kind", "state"])
        counts = self._store.count_by_kind_and_status()
        for kind in job_kinds():
            for status in JobStatus:
                jobs.add_metric([kind, str(status)], counts.get((kind, status), 0))
        yield jobs
        held = Counter(name.partition(":")[0] for name in self._store.queue.leases(self._host))
        total = GaugeMetricFamily("deepsynth_resources", "Slots and accelerators for jobs.", labels=["kind"])
        taken = GaugeMetricFamily("deepsynth_resources_held", "Those that jobs hold.", labels=["kind"])
        for kind, count in self._capacity.items():
            total.add_metric([kind], count)
            taken.add_metric([kind], held[kind])
        yield total
        yield taken
        yield GaugeMetricFamily(
            "deepsynth_state_free_bytes", "Room on the disk of the state folder.", value=disk_free(self._state_dir)
        )
        yield GaugeMetricFamily(
            "deepsynth_scheduler_running", "1 where this server runs the queue.", value=int(self._is_mine())
        )
