"""Documents per second per core by stage of `deepsynth prepare`, scaling from one worker to two, and memory against size.

    python benchmarks/data.py [--documents 2000] [--sizes 1000 10000 100000] [--out FILE]

Stages are timed by themselves, in CPU time of one process, on made-up prose of about 900 characters (median of three rounds,
new texts each round). Scaling is the whole command with one and with two workers, taken in turn: wall time, which needs two
free cores, and CPU time by process, which tells on any machine how many workers one coordinating process can keep at work.
Memory is the peak of a process that prepares so many rows, pages drawn on reading so that disks do not matter.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from deepsynth.core.documents import Document, Record
from deepsynth.core.progress import SilentReporter
from deepsynth.data.config import CleaningConfig, SourceConfig, SplitConfig
from deepsynth.data.entries import EntryMaker
from deepsynth.data.ledger import Ledger
from deepsynth.data.prepare import Preparation, PrepareConfig
from deepsynth.data.shards import SCHEMA, picture, write_shard
from deepsynth.data.sources import open_source
from deepsynth.rendering.config import RenderConfig
from deepsynth.rendering.png import encode_png
from deepsynth.rendering.renderer import make_renderer

ROUNDS = 3
SYLLABLES = "ta re ni mo la ser vic ton pre dis con age ful ing ber lo qua mer sol ven".split()  # noqa: SIM905
RENDERING = RenderConfig(mode="nano-256")
PREPARE = """
import json, sys, time
from pathlib import Path
from benchmarks.data import run_prepare
began = time.process_time()
run_prepare(json.loads(sys.argv[1]))
# not getrusage: its peak counts what the parent held when it forked
peak = Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]
print(peak, time.process_time() - began)
"""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one run of the command took."""

    wall: float
    """Seconds."""
    own: float
    """Seconds of CPU time of the process that reads, compares and writes (with one worker: of all), imports left out."""
    workers: float
    """Seconds of CPU time of the others, imports included."""
    peak: float
    """MiB of the first process."""
    others: float
    """Cores that other programs kept busy meanwhile: they make wall time longer."""


def make_words(count: int = 20_000) -> list[str]:
    """Return a vocabulary of made-up words, always the same."""
    generator = random.Random(0)
    return ["".join(generator.choices(SYLLABLES, k=generator.randint(1, 4))) for _ in range(count)]


WORDS = make_words()
WEIGHTS = list(itertools.accumulate(1 / rank for rank in range(1, len(WORDS) + 1)))


def make_text(generator: random.Random) -> str:
    """Return about 900 characters: common words often, rare ones seldom, as in prose (Zipf's law)."""
    return " ".join(generator.choices(WORDS, cum_weights=WEIGHTS, k=generator.randint(90, 150)))


def write_rows(path: Path, count: int, seed: int = 0) -> Path:
    """Write rows of text and summary as JSON lines."""
    generator = random.Random(seed)
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            text = make_text(generator)
            file.write(json.dumps({"text": text, "summary": f"{number} {text[-60:-20]}"}) + "\n")
    return path


def rate(count: int, work: Callable[[], Any]) -> float:
    """Return documents per second of CPU time."""
    began = time.process_time()
    work()
    return count / (time.process_time() - began)


def measure_stages(folder: Path, count: int, seed: int) -> dict[str, float]:
    """Return documents per second per core of each stage, on new texts."""
    source = open_source(SourceConfig(source=str(write_rows(folder / f"{seed}.jsonl", count, seed))))
    records: list[Record] = []
    found = {"read": rate(count, lambda: records.extend(source))}
    judged: list[Any] = []
    config = CleaningConfig()
    maker = EntryMaker(source="rows", cleaning=config, split=SplitConfig(), rendering=RENDERING)
    found["clean"] = rate(count, lambda: judged.extend(maker(records)))
    ledger = Ledger(folder / f"{seed}.sqlite", config)
    found["compare"] = rate(count, lambda: ledger.add(0, judged, limit=None))
    ledger.close()
    renderer = make_renderer(RENDERING)
    pages: list[Any] = []
    documents = [Document(id=record.document.id, text=record.document.text) for record in records]
    found["render"] = rate(count, lambda: pages.extend(list(renderer.render(document)) for document in documents))
    encoded: list[list[bytes]] = []
    found["encode PNG"] = rate(count, lambda: encoded.extend([encode_png(page.image) for page in own] for own in pages))
    row: dict[str, Any] = {name: "x" for name in SCHEMA.names} | {"original_index": 0}
    rows = (
        {**row, "text": record.document.text, "pages": list(map(picture, own))}
        for record, own in zip(records, encoded, strict=True)
    )
    found["write"] = rate(count, lambda: write_shard(folder / f"{seed}.parquet", rows))
    return found


def run_prepare(values: dict[str, Any]) -> None:
    """Prepare a dataset."""
    Preparation(PrepareConfig.parse(values), SilentReporter()).run()


def prepare_apart(values: dict[str, Any]) -> Cost:
    """Prepare in a process of its own."""
    began, busy = time.monotonic(), cpu_of_machine()
    command = [sys.executable, "-c", PREPARE, json.dumps(values)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1])
    workers: dict[int, float] = {}
    while process.poll() is None:
        workers |= cpu_below(process.pid)
        time.sleep(0.05)
    assert process.stdout is not None and process.returncode == 0
    with process.stdout as answer:
        peak, own = map(float, answer.read().split())
    wall, others = time.monotonic() - began, cpu_of_machine() - busy - own - sum(workers.values())
    return Cost(wall=wall, own=own, workers=sum(workers.values()), peak=peak / 1024, others=max(0.0, others / wall))


def cpu_of_machine() -> float:
    """Return seconds of CPU time that anything on this machine has taken since it was started."""
    times = psutil.cpu_times()
    return times.user + times.system


def cpu_below(parent: int) -> dict[int, float]:
    """Return process -> seconds of CPU time of all that `parent` has started, and they."""
    found: dict[int, float] = {}
    try:
        for process in psutil.Process(parent).children(recursive=True):
            found[process.pid] = sum(process.cpu_times()[:2])
    except psutil.NoSuchProcess:
        pass  # it has just ended; what was seen before counts
    return found


def measure_scaling(folder: Path, count: int) -> dict[int, Cost]:
    """Return workers -> cost, the faster of two runs taken in turn."""
    rows = write_rows(folder / "scaling.jsonl", count)
    found: dict[int, list[Cost]] = {1: [], 2: []}
    for turn in range(2):
        for workers in found:
            values = {"source": str(rows), "out": str(folder / f"scaling-{workers}-{turn}"), "scale": {"workers": workers},
                      "rendering": RENDERING.model_dump()}  # fmt: skip
            found[workers].append(prepare_apart(values))
    return {workers: min(costs, key=lambda cost: cost.wall) for workers, costs in found.items()}


def measure_memory(folder: Path, sizes: list[int]) -> dict[int, tuple[float, float]]:
    """Return rows -> (peak MiB, rows per wall second)."""
    found: dict[int, tuple[float, float]] = {}
    for size in sizes:
        rows = write_rows(folder / f"memory-{size}.jsonl", size, seed=size)
        cost = prepare_apart({"source": str(rows), "out": str(folder / f"memory-{size}"), "pages": "on-the-fly"})
        found[size] = (cost.peak, size / cost.wall)
    return found


def tell_scaling(scaling: dict[int, Cost], count: int) -> None:
    """Print what two workers gain, and what more could."""
    one, two = scaling[1], scaling[2]
    print(
        f"two workers: {one.wall / two.wall:.2f} times as fast as one ({one.wall:.1f} s, {two.wall:.1f} s); other programs"
        f" meanwhile kept {one.others:.2f} and {two.others:.2f} of {psutil.cpu_count()} cores busy"
    )
    each = {"alone": one.own, "coordinating": two.own, "both workers": two.workers}
    print("CPU time: " + ", ".join(f"{name} {1000 * value / count:.2f} ms/document" for name, value in each.items()))
    print(
        f"two free cores could give {2 * one.own / (two.own + two.workers):.2f} times;"
        f" the coordinating process keeps up with {two.workers / two.own:.0f} workers"
    )


def main() -> None:
    """Measure, print and, when asked, save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=2000)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rounds = [measure_stages(folder, arguments.documents, seed) for seed in range(ROUNDS)]
        stages = {stage: statistics.median(found[stage] for found in rounds) for stage in rounds[0]}
        for stage, value in stages.items():
            print(f"{stage:12} {value:10,.0f} documents/s per core")
        print(f"{'all':12} {1 / sum(1 / value for value in stages.values()):10,.0f} documents/s per core")
        scaling = measure_scaling(folder, 4 * arguments.documents)
        tell_scaling(scaling, 4 * arguments.documents)
        memory = measure_memory(folder, arguments.sizes)
        for size, (peak, speed) in memory.items():
            print(f"{size:>9,} rows: peak {peak:.0f} MiB, {speed:,.0f} rows/s")
    if arguments.out:
        figures = {
            "stages": stages,
            "scaling": {workers: asdict(cost) for workers, cost in scaling.items()},
            "memory": memory,
        }
        arguments.out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
