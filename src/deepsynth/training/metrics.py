"""What a run tells while it goes: a line of metrics.jsonl every few steps, and progress with a rate and a time left."""

from __future__ import annotations

import json
import math
import resource
import sys
import time
from typing import Any

import torch

from deepsynth.core.documents import Progress
from deepsynth.core.files import storage_errors
from deepsynth.core.progress import Reporter
from deepsynth.training.checkpoint import TrainState
from deepsynth.training.config import TrainerConfig
from deepsynth.training.stepping import Step
from deepsynth.training.throughput import peak
from deepsynth.training.trackers import start_trackers

METRICS = "metrics.jsonl"


class StepLog:
    """Writes metrics.jsonl in the run's folder. A resumed run first drops lines behind its checkpoint."""

    def __init__(
        self,
        config: TrainerConfig,
        total: int,
        reporter: Reporter,
        state: TrainState,
        *,
        writes: bool = True,
        device: torch.device | None = None,
    ) -> None:
        """Of several processes that train together only one `writes` and tells."""
        self._writes = writes
        self._trackers = start_trackers(config) if writes else []
        self._path = config.output_dir / METRICS
        self._interval, self._total, self._reporter, self._state = config.log_interval, total, reporter, state
        self._mark = time.monotonic()
        self._peak = peak(device or torch.device("cpu"))
        if writes:
            self._drop_later_lines(state.step)

    def is_due(self, step: int) -> bool:
        """Tell whether a step, counted from 1, gets a line."""
        return step % self._interval == 0 or step == self._total

    def step(self, step: Step, operations: float) -> None:
        """Take in one optimizer step and its arithmetic; write and tell at the interval and at the end."""
        self._count(step, operations)
        if not self.is_due(self._state.step):
            return
        means = self._means(step)
        self._state.tally = {}
        if not self._writes:
            return
        line = {"step": self._state.step, "epoch": self._state.epoch, **means, **memory()}
        self._write(line)
        shown = {"loss": line["loss"], "samples/s": line["samples_per_second"]}
        self._reporter.progress(Progress(done=self._state.step, total=self._total, message="training", metrics=shown))

    def _count(self, step: Step, operations: float) -> None:
        """Add a step to the sums since the last line, which checkpoints hold: a pause between two lines loses none of it."""
        now = time.monotonic()
        sums = {
            "seconds": now - self._mark,
            "loss": step.loss * step.label_tokens,
            "labels": step.label_tokens,
            "examples": step.examples,
            "tokens": step.tokens,
            "visual": step.visual_tokens,
            "operations": operations,
        }
        self._mark = now
        self._state.tally = {name: self._state.tally.get(name, 0.0) + value for name, value in sums.items()}

    def _means(self, last: Step) -> dict[str, float]:
        """Return the numbers of the steps since the last line: means by label token, and rates."""
        sums = self._state.tally
        seconds = max(sums["seconds"], 1e-9)
        operations = sums["operations"] / seconds
        share = {} if self._peak is None else {"mfu": operations / (self._peak * self._state.processes)}
        return {
            "loss": sums["loss"] / max(1, sums["labels"]),
            "learning_rate": last.rate,
            "grad_norm": last.grad_norm,
            "examples": self._state.examples,
            "samples_per_second": sums["examples"] / seconds,
            "label_tokens_per_second": sums["labels"] / seconds,
            "text_tokens_per_second": (sums["tokens"] - sums["visual"]) / seconds,
            "visual_tokens_per_second": sums["visual"] / seconds,
            "teraflops": operations / 1e12,
            **share,
            **last.experts,
        }

    def push(self, step: int, status: str, reason: str) -> None:
        """Write what became of a push to the Hub."""
        self._write(
            {"step": self._state.step, "pushed_step": step, "hub": status, **({"reason": reason} if reason else {})}
        )
        self._reporter.message(f"step {step}: {status} to the Hub" + (f" ({reason})" if reason else ""))

    def evaluation(self, loss: float) -> None:
        """Write the loss on the evaluation split; what measuring it took counts to no step."""
        self._mark = time.monotonic()
        if not self._writes:
            return
        self._write({"step": self._state.step, "evaluation_loss": loss})
        self._reporter.message(f"step {self._state.step}: evaluation loss {loss:.4f}")

    def _write(self, values: dict[str, Any]) -> None:
        finite = {
            name: value if not isinstance(value, float) or math.isfinite(value) else None
            for name, value in values.items()
        }
        with storage_errors(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(finite) + "\n")

        for tracker in self._trackers:
            tracker.log(self._state.step, {name: value for name, value in values.items() if name != "step"})

    def close(self) -> None:
        """Let the trackers finish."""
        for tracker in self._trackers:
            tracker.close()

    def _drop_later_lines(self, step: int) -> None:
        if not self._path.is_file():
            return
        kept = [line for line in read_metrics_lines(self._path.read_text(encoding="utf-8")) if line["step"] <= step]
        self._path.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")


def read_metrics_lines(text: str) -> list[dict[str, Any]]:
    """Return the lines of metrics.jsonl; a last line that a crash cut short is left out."""
    lines: list[dict[str, Any]] = []
    for line in text.splitlines():
        try:
            lines.append(json.loads(line))
        except ValueError:
            break
    return lines


def memory() -> dict[str, float]:
    """Return the peak memory of the process and of its accelerator, in MiB."""
    unit = 2**20 if sys.platform == "darwin" else 2**10  # macOS counts bytes, Linux KiB
    found = {"peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit}
    if torch.cuda.is_available():
        found["peak_gpu_memory_mib"] = torch.cuda.max_memory_allocated() / 2**20
    return found
