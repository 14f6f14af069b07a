"""What a job will take, before it starts: measured in an earlier run of the same model, else planned, else unknown.

A figure always says where it comes from; where nothing is known, none is given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from deepsynth.core.files import folder_bytes
from deepsynth.core.progress import format_seconds
from deepsynth.jobs import Job, JobStatus, StateManager
from deepsynth.jobs.folder import metrics_file, newest_checkpoint, read_json
from deepsynth.jobs.machine import disk_free, memory_available
from deepsynth.web.curves import read_curves
from deepsynth.web.inventory import parameters
from deepsynth.web.planner import Known, Planner

PROCESS_BYTES = 400 * 2**20
"""What Python with torch takes before any model (measured: 377 MiB on Linux with the CPU build of 2.13)."""
ENDED = (JobStatus.SUCCEEDED, JobStatus.PAUSED, JobStatus.CANCELLED, JobStatus.FAILED, JobStatus.INTERRUPTED)


@dataclass(frozen=True, kw_only=True, slots=True)
class Need:
    """What is needed of something, beside what there is."""

    needed_bytes: int | None
    available_bytes: int
    fits: bool | None
    basis: str


def need(needed: int | None, available: int, basis: str) -> dict[str, Any]:
    """Return a need with its verdict."""
    fits = None if needed is None else needed <= available
    return asdict(Need(needed_bytes=needed, available_bytes=available, fits=fits, basis=basis))


class Estimates:
    """Looks at earlier jobs and at files."""

    def __init__(self, store: StateManager, artifacts: Path, planner: Planner | None = None) -> None:
        """`planner` plans trainings that have no earlier one like them."""
        self._store, self._artifacts, self._planner = store, artifacts, planner or Planner()

    def all(self, kind: str, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return memory, disk and time for a job of this kind with these settings; `pending` while a plan is being made."""
        earlier = self._alike(kind, config)
        plan: Known | None = {}
        if kind == "training" and earlier is None:
            plan = self._planner.plan(config)
        if plan is None:
            return self.unknown("being planned for this model and batch", pending=True)
        return {
            "memory": self._memory(kind, config, earlier, plan),
            "disk": self._disk(kind, config, earlier, plan),
            "time": self._time(kind, config, earlier, plan),
            "pending": False,
        }

    def unknown(self, basis: str, *, pending: bool = False) -> dict[str, Any]:
        """Return that nothing is known, for the reason in `basis`; `pending` where a later question may find more."""
        return {
            "memory": need(None, memory_available(), basis),
            "disk": need(None, disk_free(self._artifacts), basis),
            "time": _unknown_time(basis),
            "pending": pending,
        }

    def _alike(self, kind: str, config: Mapping[str, Any]) -> Job | None:
        """Return the newest ended job of the same kind that read the same model in the same way."""
        wanted = _likeness(config)
        jobs = self._store.list_jobs(kinds=[kind], statuses=ENDED, limit=200)
        return next((job for job in jobs if _likeness(job.config) == wanted and _has_metrics(job)), None)

    def _memory(self, kind: str, config: Mapping[str, Any], earlier: Job | None, plan: Known) -> dict[str, Any]:
        available = memory_available()
        if earlier is not None:
            peaks = read_curves(metrics_file(earlier.output), names={"peak_memory_mib"}, max_points=10**9).series
            values = [value for _, value in peaks.get("peak_memory_mib", []) if value is not None]
            if values:
                return need(
                    int(max(values) * 2**20), available, f"peak measured in job {earlier.id}, same model and batch"
                )
        if "peak_bytes" in plan:
            return _planned_memory(plan, available)
        named = config.get("model", config.get("checkpoint"))
        if not named:
            return need(None, available, "this kind of job loads no model")
        model = Path(str(named))
        if kind == "training" or not model.is_dir():
            words = plan.get("error", "no earlier job with this model and batch")
            return need(None, available, f"{words}; the first one will be measured")
        count = parameters(model)
        basis = f"{count:,} parameters x 4 bytes, {PROCESS_BYTES // 2**20} MiB for torch; activations come on top"
        return need(count * 4 + PROCESS_BYTES, available, basis)

    def _disk(self, kind: str, config: Mapping[str, Any], earlier: Job | None, plan: Known) -> dict[str, Any]:
        available = disk_free(self._artifacts)
        if kind == "training":
            keep = int(config.get("keep_checkpoints", 2)) + 2
            newest = None if earlier is None else newest_checkpoint(earlier.output)
            if earlier is not None and newest is not None:
                size = folder_bytes(newest)
                return need(size * keep, available, f"{keep} checkpoints of {size:,} bytes, as job {earlier.id} wrote")
            if "checkpoints_bytes" in plan:
                size = plan["checkpoint_bytes"]
                return need(plan["checkpoints_bytes"], available, f"planned: {keep} checkpoints of {size:,} bytes")
        if earlier is not None and earlier.output and Path(earlier.output).is_dir():
            return need(folder_bytes(Path(earlier.output)), available, f"what job {earlier.id} wrote")
        return need(None, available, "no earlier job like this one")

    def _time(self, kind: str, config: Mapping[str, Any], earlier: Job | None, plan: Known) -> dict[str, Any]:
        examples = examples_to_see(config) if kind == "training" else None
        if examples is None and kind == "training":
            return _unknown_time("the number of examples is not known")
        if examples is not None and "operations" in plan:
            return _planned_time(plan, examples)
        unknown = _unknown_time("no earlier job with this model and batch to measure by")
        if examples is None or earlier is None:
            return unknown
        rates = read_curves(metrics_file(earlier.output), names={"samples_per_second"}, max_points=10**9).series
        values = sorted(value for _, value in rates.get("samples_per_second", []) if value)
        if not values:
            return unknown
        rate = values[len(values) // 2]
        seconds = examples / rate
        basis = (
            f"{examples:,} examples at {rate:.1f} a second, the median of job {earlier.id}: {format_seconds(seconds)}"
        )
        return {"seconds": seconds, "at_least": False, "basis": basis}


def _unknown_time(basis: str) -> dict[str, Any]:
    return {"seconds": None, "at_least": False, "basis": basis}


def _planned_memory(plan: Known, available: int) -> dict[str, Any]:
    parts = ", ".join(f"{name} {size / 2**20:,.0f}" for name, size in plan["parts"].items())
    basis = f"planned, in MiB: {parts}; rows of {plan['row_tokens']} tokens"
    if plan["device"] == "cuda":
        return need(plan["peak_bytes"], plan["room_bytes"], f"{basis}; on the accelerator")
    return need(plan["peak_bytes"] + PROCESS_BYTES, available, f"{basis}; {PROCESS_BYTES // 2**20} MiB for torch")


def _planned_time(plan: Known, examples: int) -> dict[str, Any]:
    """Return a lower bound: what the arithmetic takes at the speed of a plain product of matrices."""
    seconds = examples * plan["operations"] / plan["operations_per_second"]
    basis = (
        f"{examples:,} examples of {plan['operations'] / 1e9:,.1f} billion operations, at the speed of a product of matrices"
        f" on this machine ({plan['operations_per_second'] / 1e9:,.0f} billion a second); the first run will be measured"
    )
    return {"seconds": seconds, "at_least": True, "basis": basis}


def examples_to_see(config: Mapping[str, Any]) -> int | None:
    """Return how many examples a training will read in all, or none when its dataset cannot tell."""
    per_step = int(config["batch_size"]) * int(config["gradient_accumulation_steps"])
    if config.get("max_steps") is not None:
        return int(config["max_steps"]) * per_step
    data = config["data"]
    report = read_json(Path(data["path"]) / "report.json") or {}
    rows = report.get("splits", {}).get(data["train_split"])
    if rows is None:
        return None
    return int(config["num_epochs"]) * min(int(rows), data.get("max_train_samples") or int(rows))


def _likeness(config: Mapping[str, Any]) -> tuple[Any, ...]:
    group = config.get("rendering")
    rendering: Mapping[str, Any] = cast("Mapping[str, Any]", group) if isinstance(group, Mapping) else {}
    model: Any = config.get("model", config.get("checkpoint", config.get("source")))
    return (model, config.get("batch_size"), rendering.get("mode"), bool(config.get("lora")))


def _has_metrics(job: Job) -> bool:
    return job.kind != "training" or (bool(job.output) and metrics_file(job.output).is_file())
