"""A server that speaks the contract of the HTTP API over invented jobs, so that every screen and state can be shown at once.

It trains nothing: it exists for the pictures of the screens and for states that a real run reaches seldom (failed, interrupted,
read-only). What the application does with real work is tested in test_real_run.py.
"""

from __future__ import annotations

import copy
import io
import json
import math
import queue
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from PIL import Image, ImageDraw

import deepsynth.web
from deepsynth.core.config import merge
from deepsynth.workflows.catalog import CATALOG

WEB = Path(deepsynth.web.__file__).parent
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
TYPES = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".html": "text/html",
    ".json": "application/json",
}
BEGIN = datetime.now(UTC) - timedelta(hours=5)
TEXT = (
    "The lock of the inner harbor was closed for eleven days while divers repaired the gate that keeps its basins full at "
    "low tide. The town paid for the work from a fund that shipping companies feed with a charge on every berth. Ferries ran "
    "from Cancale in the meantime, and the fishing fleet landed its catch there. "
) * 4
REFERENCE = "The harbor reopened after eleven days of repairs to its lock."
HOSTILE = "<img src=x onerror=alert(1)> [click](javascript:alert(1)) The lock opened after repairs."


def at(minutes: float) -> str:
    return (BEGIN + timedelta(minutes=minutes)).isoformat(timespec="milliseconds")


def make_job(number: int, name: str, kind: str, state: str, **more: Any) -> dict[str, Any]:
    live = state in ("running", "pausing", "cancelling", "starting")
    job = {
        "job_id": f"{number:016x}",
        "job_type": kind,
        "name": name,
        "state": state,
        "status": "in_progress" if live else "completed",
        "reason": "",
        "attempt": 1,
        "position": None,
        "created_at": at(number * 10),
        "updated_at": at(number * 10 + 5),
        "started_at": None if state == "queued" else at(number * 10 + 1),
        "ended_at": None if live or state in ("queued", "paused") else at(number * 10 + 42),
        "progress": {},
        "metrics": {},
        "automatic_resumes": 0,
        "host": "",
        "resources": ["cpu:0"] if live else [],
        "output_path": f"/state/artifacts/{number:016x}",
        "model_output_path": f"/state/artifacts/{number:016x}" if kind == "training" else None,
        "hf_dataset_repo": None,
        "parent": None,
        "result": None,
    }
    job.update(more)
    return job


ACTIONS = {
    "queued": ["pause", "cancel"],
    "starting": ["pause", "cancel"],
    "running": ["pause", "cancel"],
    "pausing": ["cancel"],
    "paused": ["resume", "cancel", "delete"],
    "failed": ["resume", "delete"],
    "interrupted": ["resume", "delete"],
    "succeeded": ["delete"],
    "cancelled": ["delete"],
}


def progress(done: int, total: int, loss: float) -> dict[str, Any]:
    return {
        "done": done,
        "total": total,
        "message": "training",
        "metrics": {"loss": loss, "samples/s": 8.2},
        "fraction": done / total,
        "per_second": 1.9,
        "seconds_left": (total - done) / 1.9,
    }


def kinds() -> list[dict[str, Any]]:
    names = {"prepare": "dataset", "train": "training", "evaluate": "evaluation", "export": "export"}
    references = {
        "dataset": {"source": "source"},
        "training": {"data.path": "dataset", "model": "model"},
        "evaluation": {"data": "dataset", "model": "model"},
        "export": {"checkpoint": "model"},
    }
    found = []
    for verb in CATALOG:
        if verb.name not in names:
            continue
        kind, settings = names[verb.name], verb.config_class()
        fields = settings.model_json_schema()["properties"]
        found.append(
            {
                "kind": kind,
                "verb": verb.name,
                "help": verb.help,
                "schema": settings.model_json_schema(),
                "defaults": settings().model_dump(mode="json"),
                "presets": {
                    name: {"settings": dict(values), "description": verb.preset_descriptions()[name]}
                    for name, values in verb.preset_table().items()
                },
                "references": references[kind],
                "output": next(name for name in ("output_dir", "out") if name in fields),
                "pause": "checkpoint" if kind == "training" else None,
            }
        )
    return found


def png(words: str, size: int = 256) -> bytes:
    image = Image.new("L", (size, size), 255)
    draw = ImageDraw.Draw(image)
    for line in range(12):
        draw.text((10, 10 + line * 19), f"{words} {TEXT[line * 38 : line * 38 + 38]}", fill=0)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


class World:
    """The invented state, and the streams that hear of its changes."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.seq = 0
        self.streams: list[queue.Queue[tuple[str, str, Any]]] = []
        self.jobs: dict[str, dict[str, Any]] = {}
        self.configs: dict[str, Any] = {}
        self.comparisons: dict[str, Any] = {}
        self.keys: dict[str, str] = {}
        self.token = False
        self.kept: set[str] = {"m3"}
        self.machines: list[dict[str, Any]] = []
        self.gone: set[str] = set()
        self.kinds = kinds()

    def fill(self) -> None:
        out_of_memory = "Out of memory on the GPU at step 40; halve batch_size and double gradient_accumulation_steps."
        for job in (
            make_job(1, "pages of news", "dataset", "succeeded", result={"text": "wrote 40 rows: 32 train, 8 test"}),
            make_job(
                2,
                "nano on news",
                "training",
                "succeeded",
                metrics={"loss": 2.31},
                result={"text": "trained 60 steps on 480 examples, loss 2.310"},
            ),
            make_job(
                3, "nano, higher rate", "training", "failed", reason=out_of_memory, progress=progress(40, 60, 2.9)
            ),
            make_job(
                4,
                "overnight run",
                "training",
                "interrupted",
                reason="Its process was killed by signal 9; the newest whole checkpoint is step 50.",
                attempt=3,
                automatic_resumes=2,
                progress=progress(52, 600, 3.4),
            ),
            make_job(5, "test of news", "evaluation", "succeeded"),
            make_job(6, "adapters, rank 16", "training", "paused", progress=progress(30, 60, 2.7)),
            make_job(
                7, "nano with augmentation", "training", "running", progress=progress(12, 600, 3.1), parent=f"{2:016x}"
            ),
            make_job(8, "evaluate adapters", "evaluation", "queued", position=1),
            make_job(9, "pages of reports", "dataset", "queued", position=2),
            make_job(10, "old trial", "training", "cancelled"),
        ):
            self.jobs[job["job_id"]] = job

    def config(self, job: dict[str, Any]) -> dict[str, Any]:
        base = next((kind["defaults"] for kind in self.kinds if kind["kind"] == job["job_type"]), {})
        config = copy.deepcopy(self.configs.get(job["job_id"], base))
        if job["job_type"] == "training" and job["job_id"] not in self.configs:
            config["batch_size"] = 4 + int(job["job_id"], 16)
        return config

    def view(self, job: dict[str, Any]) -> dict[str, Any]:
        return {**job, "actions": ACTIONS.get(job["state"], [])}

    def tell(self, event: str, data: Any) -> None:
        with self.lock:
            if event in ("job", "deleted"):
                self.seq += 1
            for stream in self.streams:
                stream.put((event, str(self.seq), data))

    def move(self, job_id: str, state: str, reason: str = "") -> None:
        with self.lock:
            job = self.jobs[job_id]
            job["state"], job["reason"] = state, reason
            job["updated_at"] = datetime.now(UTC).isoformat()
            job["ended_at"] = datetime.now(UTC).isoformat() if state in ("cancelled", "succeeded") else None
            if state == "queued":
                job["attempt"] += 1
            self.tell("job", self.view(job))

    def later(self, *moves: tuple[str, str]) -> None:
        def run() -> None:
            for job_id, state in moves:
                time.sleep(0.25)
                with self.lock:
                    if job_id in self.jobs:
                        self.move(job_id, state)

        threading.Thread(target=run, daemon=True).start()

    def step(self) -> None:
        """Let running jobs take a step, as the real server tells it about once a second."""
        with self.lock:
            for job in self.jobs.values():
                if job["state"] != "running":
                    continue
                done = min(job["progress"].get("done", 0) + 1, 599)
                job["progress"] = progress(done, 600, 4 * math.exp(-done / 300) + 0.3)
                size = done * 100
                self.tell(
                    "progress",
                    {
                        "job_id": job["job_id"],
                        "attempt": job["attempt"],
                        "progress": job["progress"],
                        "log_size": size,
                        "metrics_size": size,
                    },
                )


def series(seed: int, steps: int) -> dict[str, list[list[float | None]]]:
    def loss(step: int) -> float:
        return (
            4 * math.exp(-step / (60 + 20 * seed))
            + 0.6
            + 0.25 * math.sin(step * 12.9898 + seed) * math.exp(-step / 200)
        )

    every = range(1, steps, 3)
    return {
        "loss": [[step, None if step == 31 and seed == 3 else loss(step)] for step in every],
        "evaluation_loss": [[step, loss(step) + 0.12] for step in range(20, steps, 20)],
        "learning_rate": [
            [step, 2e-5 * min(1, step / 50) * (0.5 + 0.5 * math.cos(step / steps * math.pi))] for step in every
        ],
        "grad_norm": [[step, 1 + 0.5 * math.sin(step / 3)] for step in every],
        "samples_per_second": [[step, 8 + math.sin(step / 9)] for step in every],
        "examples": [[step, step * 8] for step in every],
        "epoch": [[step, float(step // 60)] for step in every],
    }


def dataset(number: int, name: str) -> dict[str, Any]:
    return {
        "id": f"d{number}",
        "name": name,
        "path": f"/state/artifacts/{number:016x}",
        "job_id": f"{number:016x}",
        "created_at": at(number),
        "splits": {"train": 32, "validation": 4, "test": 8},
        "rows": 44,
        "rejected": 5,
        "bytes": 1_840_000,
        "languages": ["en"],
        "pages": "stored",
        "mode": "nano-128",
        "whole": number != 9,
        "hf_dataset_repo": None,
    }


def models(world: World) -> list[dict[str, Any]]:
    def model(identity: str, name: str, kind: str, **more: Any) -> dict[str, Any]:
        value = {
            "id": identity, "name": name, "path": f"/state/{identity}", "kind": kind, "job_id": f"{2:016x}", "step": None,
            "bytes": 9_600_000, "created_at": at(30), "base": "nano", "adapter": False, "whole": True,
            "keep": identity in world.kept, "loss": None, "reference": f"model:{identity}",
        }  # fmt: skip
        value.update(more)
        return value

    found = [
        model(
            "nano", "nano", "built-in", job_id=None, base=None, created_at=None, reference="nano", path=None, bytes=0
        ),
        model(
            "tiny", "tiny", "built-in", job_id=None, base=None, created_at=None, reference="tiny", path=None, bytes=0
        ),
        model("m1", f"{2:016x}/checkpoint-20", "checkpoint", step=20, loss=2.9),
        model("m2", f"{2:016x}/checkpoint-40", "checkpoint", step=40, loss=2.5),
        model("m3", f"{2:016x}/checkpoint-60", "checkpoint", step=60, loss=2.3),
        model(
            "m4",
            "adapters, rank 16",
            "checkpoint",
            step=30,
            adapter=True,
            base="model:m3",
            job_id=f"{6:016x}",
            loss=2.2,
            bytes=410_000,
            created_at=at(70),
        ),
    ]
    return [item for item in found if item["id"] not in world.gone]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    world: World

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the output of the tests quiet."""

    def send(self, body: Any, status: int = 200, media_type: str = "application/json") -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {
            "Content-Type": media_type,
            "Content-Length": str(len(content)),
            "Content-Security-Policy": CSP,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-cache",
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def refuse(self, status: int, detail: str, field: str | None = None) -> None:
        self.send({"error": "Error", "detail": detail, "field": field}, status)

    def handle_any(self) -> None:
        url = urlsplit(self.path)
        self.query = {name: values for name, values in parse_qs(url.query).items()}
        length = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(length)
        parts = [unquote(part) for part in url.path.split("/") if part]
        if not parts or parts == ["login"]:
            page = WEB / "templates" / ("login.html" if parts else "index.html")
            text = (
                page.read_text().replace("{{ script }}", "static/script.js").replace("{{ style }}", "static/style.css")
            )
            return self.send(text.encode(), media_type="text/html; charset=utf-8")
        if parts[0] == "static":
            file = (WEB / "static").joinpath(*parts[1:])
            if not file.is_file():
                return self.refuse(404, "no such file")
            return self.send(file.read_bytes(), media_type=TYPES.get(file.suffix, "text/plain"))
        if parts[0] != "api" or len(parts) < 2:
            return self.refuse(404, "no such page")
        route = getattr(self, f"on_{parts[1]}", None)
        if route is None:
            return self.refuse(404, f"no route {url.path}")
        return route(parts[2:])

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

    def json(self) -> Any:
        return json.loads(self.body or b"{}")

    def on_kinds(self, _rest: list[str]) -> None:
        self.send({"kinds": self.world.kinds})

    def on_jobs(self, rest: list[str]) -> None:
        world = self.world
        if not rest and self.command == "GET":
            jobs = sorted(world.jobs.values(), key=lambda job: job["created_at"], reverse=True)
            return self.send({"jobs": [world.view(job) for job in jobs], "total": len(jobs), "next": None})
        if not rest:
            return self.create()
        if rest == ["check"]:
            return self.check()
        job = world.jobs.get(rest[0])
        if job is None:
            return self.refuse(404, f"no job {rest[0]!r}; list them to see the known ones")
        return self.on_job(job, rest[1:])

    def create(self) -> None:
        world, asked = self.world, self.json()
        key = self.headers.get("Idempotency-Key", "")
        if key not in world.keys:
            number = max(int(identity, 16) for identity in world.jobs) + 1 if world.jobs else 1
            job = make_job(number, asked.get("name") or "nano on news", asked["kind"], "queued", position=1)
            job["created_at"] = datetime.now(UTC).isoformat()
            world.jobs[job["job_id"]] = job
            kind = next(kind for kind in world.kinds if kind["kind"] == asked["kind"])
            preset = kind["presets"].get(asked.get("preset") or "", {"settings": {}})["settings"]
            world.configs[job["job_id"]] = merge(merge(kind["defaults"], preset), asked["settings"])
            world.keys[key] = job["job_id"]
            world.later((job["job_id"], "starting"), (job["job_id"], "running"))
        job = world.jobs[world.keys[key]]
        self.send({"job_id": job["job_id"], "status": "pending", "message": "queued", "job": world.view(job)}, 201)

    def check(self) -> None:
        asked = self.json()
        kind = next(kind for kind in self.world.kinds if kind["kind"] == asked["kind"])
        settings = asked["settings"]
        errors = []
        if isinstance(settings.get("batch_size"), str) or settings.get("batch_size", 1) < 1:
            errors.append({"field": "batch_size", "detail": "Input should be greater than or equal to 1"})
        flags = " ".join(f"--{name.replace('_', '-')} {json.dumps(value)}" for name, value in settings.items())
        preset = f" --preset {asked['preset']}" if asked.get("preset") else ""
        lines = "\n".join(f"{name}: {json.dumps(value)}" for name, value in settings.items()) or "{}"
        self.send(
            {
                "ok": not errors,
                "errors": errors,
                "cli": "" if errors else f"deepsynth {kind['verb']}{preset} {flags}".strip(),
                "yaml": "" if errors else lines + "\n",
                "settings": None,
                "memory": {
                    "needed_bytes": 1_240_000_000,
                    "available_bytes": 16_000_000_000,
                    "fits": True,
                    "basis": "Measured on this machine with nano at batch size 8, scaled by the batch.",
                },
                "disk": {
                    "needed_bytes": 58_000_000,
                    "available_bytes": 220_000_000_000,
                    "fits": True,
                    "basis": "Three checkpoints of 19 MB.",
                },
                "time": {
                    "seconds": 412.0,
                    "at_least": False,
                    "basis": "From the speed of the last run on this machine, 8.2 samples per second.",
                },
                "pending": False,
                "warnings": []
                if settings.get("eval_interval") or asked["kind"] != "training"
                else ["eval_interval is not set: the run will not measure its loss on held-out documents."],
            }
        )

    def on_job(self, job: dict[str, Any], rest: list[str]) -> None:
        world, identity = self.world, job["job_id"]
        what = rest[0] if rest else self.command
        seed = int(identity, 16)
        steps = job["progress"].get("done") or 60
        if what in ("pause", "resume", "cancel"):
            if what not in ACTIONS.get(job["state"], []):
                return self.refuse(409, f"the job is {job['state']} and cannot {what}")
            if what == "pause":
                world.move(identity, "pausing")
                world.later((identity, "paused"))
            elif what == "resume":
                world.move(identity, "queued")
                world.later((identity, "starting"), (identity, "running"))
            else:
                world.move(identity, "cancelling")
                world.later((identity, "cancelled"))
            return self.send(
                {"job_id": identity, "status": "", "state": job["state"], "message": what, "job": world.view(job)}, 202
            )
        if what == "DELETE":
            del world.jobs[identity]
            world.tell("deleted", {"job_id": identity})
            return self.send({"job_id": identity, "message": f"{job['name']} is deleted."})
        if what == "PATCH":
            job["name"] = self.json()["name"]
            return self.send({"job": world.view(job)})
        if what == "GET":
            config = world.config(job)
            detail = {
                **world.view(job),
                "config": config,
                "cli": f"deepsynth train --batch-size {config.get('batch_size')}",
                "yaml": f"batch_size: {config.get('batch_size')}\n",
            }
            return self.send({"job": detail, "progress": {}})
        training = job["job_type"] == "training" and job["state"] != "queued"
        answers: dict[str, Any] = {
            "metrics": {"series": series(seed, max(24, steps)) if training else {}, "cursor": "c", "reset": True, "total": 60},
            "system": {"points": [{"seconds": 2.0 * n, "memory_mib": 300 + 40 * math.sin(n / 5), "cpu_percent": 95.0, "gpu_memory_mib": None} for n in range(60)] if training else [], "next": 60},
            "events": {"events": [{"seq": 1, "at": job["created_at"], "state": "queued", "attempt": 1, "reason": ""}, {"seq": 2, "at": job["updated_at"], "state": job["state"], "attempt": job["attempt"], "reason": job["reason"]}]},
            "files": {"files": [{"id": "a" * 16, "path": "checkpoint-60/model.safetensors", "bytes": 9_600_000, "media_type": "application/octet-stream"}, {"id": "b" * 16, "path": "metrics.jsonl", "bytes": 8_123, "media_type": "application/x-ndjson"}], "truncated": False},
            "report": {"scores": {"nano on news": {"rouge1": {"mean": 0.412, "low": 0.39, "high": 0.43, "n": 8}, "rougeL": {"mean": 0.331, "low": 0.3, "high": 0.36, "n": 8}}, "first sentence": {"rouge1": {"mean": 0.301, "low": 0.28, "high": 0.33, "n": 8}, "rougeL": {"mean": 0.244, "low": 0.2, "high": 0.28, "n": 8}}}},
            "samples": {"samples": self.samples(job) if training or job["job_type"] == "evaluation" else []},
        }  # fmt: skip
        if what == "logs":
            text = "".join(f"step {step}: loss {4 * math.exp(-step / 80) + 0.6:.4f}\n" for step in range(1, 60))
            start = len(text) if self.query.get("offset", ["0"])[0] == str(len(text)) else 0
            return self.send({"text": text[start:], "offset": start, "next_offset": len(text), "size": len(text)})
        if what == "files" and len(rest) > 1:
            return self.send(png(rest[1][:6]), media_type="image/png")
        return self.send(answers[what]) if what in answers else self.refuse(404, what)

    def samples(self, job: dict[str, Any]) -> list[dict[str, Any]]:
        written = ["The the harbor the of.", "The harbor was closed for days.", HOSTILE]
        steps = [20, 40, 60] if job["job_type"] == "training" else [None]
        return [
            {
                "step": step,
                "id": f"news/{row}",
                "text": TEXT,
                "reference": REFERENCE,
                "prediction": written[index if len(steps) > 1 else 2],
                "pages": [f"api/jobs/{job['job_id']}/files/{row:016x}"],
            }
            for index, step in enumerate(steps)
            for row in range(2)
        ]

    def on_queue(self, _rest: list[str]) -> None:
        for position, identity in enumerate(self.json()["order"], 1):
            self.world.jobs[identity]["position"] = position
        waiting = sorted(
            (job for job in self.world.jobs.values() if job["state"] == "queued"), key=lambda job: job["position"]
        )
        self.send({"jobs": [self.world.view(job) for job in waiting]})

    def on_events(self, _rest: list[str]) -> None:
        stream: queue.Queue[tuple[str, str, Any]] = queue.Queue()
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        with self.world.lock:
            self.world.streams.append(stream)
        stream.put(("hello", "0", {"seq": self.world.seq, "version": "0.1.0", "read_only": False}))
        try:
            while True:
                try:
                    event, identity, data = stream.get(timeout=1)
                except queue.Empty:
                    self.wfile.write(b": still here\n\n")
                    self.wfile.flush()
                    continue
                self.wfile.write(f"event: {event}\nid: {identity}\ndata: {json.dumps(data)}\n\n".encode())
                self.wfile.flush()
        except OSError:
            return
        finally:
            with self.world.lock:
                self.world.streams.remove(stream)

    def on_datasets(self, rest: list[str]) -> None:
        known = [dataset(1, f"{1:016x}"), dataset(9, f"{9:016x}")] if self.world.jobs else []
        if not rest:
            return self.send({"datasets": known})
        if len(rest) == 1:
            found = next((item for item in known if item["id"] == rest[0]), None)
            return (
                self.send({"dataset": {**found, "card": "# Pages of news\n\n44 rows."}})
                if found
                else self.refuse(404, "no such dataset")
            )
        if rest[1] == "rejected":
            rejected = [
                {
                    "where": f"news.jsonl:{line}",
                    "reason": "too short",
                    "detail": "12 characters, at least 40 are wanted",
                }
                for line in (3, 9, 14)
            ]
            return self.send({"rejected": rejected, "total": 5, "reasons": {"too short": 3, "duplicate": 2}})
        if rest[-1].endswith(".png"):
            return self.send(png(rest[-1]), media_type="image/png")
        rows = [
            {"index": n, "id": f"news/{n}", "text": TEXT, "summary": REFERENCE, "language": "en", "source": "news", "characters": len(TEXT), "summary_characters": len(REFERENCE), "flags": ["The summary stands word for word in the text."] if n == 1 else [], "pages": [f"api/datasets/{rest[0]}/rows/train/{n}/pages/{page}.png" for page in range(1 + n % 3)]}
            for n in range(int(self.query.get("offset", ["0"])[0]), int(self.query.get("offset", ["0"])[0]) + 10)
        ]  # fmt: skip
        return self.send({"rows": rows, "total": 32})

    def on_models(self, rest: list[str]) -> None:
        if rest == ["delete"]:
            ids = self.json()["ids"]
            self.world.gone.update(ids)
            return self.send({"deleted": ids, "freed_bytes": 9_600_000 * len(ids)})
        if rest and self.command == "PATCH":
            (self.world.kept.add if self.json()["keep"] else self.world.kept.discard)(rest[0])
            return self.send({"model": next(item for item in models(self.world) if item["id"] == rest[0])})
        return self.send({"models": models(self.world)})

    def on_settings(self, _rest: list[str]) -> None:
        import yaml

        self.send({"settings": yaml.safe_load(self.json()["text"]), "config": {}})

    def on_hub(self, _rest: list[str]) -> None:
        if self.command in ("PUT", "DELETE"):
            self.world.token = self.command == "PUT"
        self.send(
            {
                "present": self.world.token,
                "user": "reader" if self.world.token else None,
                "source": "memory" if self.world.token else None,
                "checked": self.world.token,
                "keyring": True,
            }
        )

    def on_system(self, _rest: list[str]) -> None:
        self.send(
            {
                "version": "0.1.0", "state_dir": "/state", "folders": ["/data"], "read_only": False, "cpus": 2, "memory_bytes": 24_000_000_000,
                "memory_available_bytes": 16_000_000_000, "disk_free_bytes": 220_000_000_000, "gpus": [], "slots": {"cpu": 1, "gpu": 0},
                "leases": {"cpu:0": f"{7:016x}"}, "host": "", "machines": self.world.machines,
                "limits": {"upload_bytes": 33_554_432, "quota_bytes": 4_000_000_000}, "login_required": False,
                "trackers": {"tensorboard": False, "trackio": True},
            }
        )  # fmt: skip

    def on_audit(self, _rest: list[str]) -> None:
        self.send(
            {"entries": [{"at": at(1), "method": "POST", "path": "/api/jobs", "status": 201, "client": "127.0.0.1"}]}
        )

    def on_comparisons(self, rest: list[str]) -> None:
        if self.command == "PUT":
            self.world.comparisons[rest[0]] = {**self.json(), "name": rest[0], "updated_at": at(3)}
        if self.command == "DELETE":
            del self.world.comparisons[rest[0]]
        self.send({"comparisons": list(self.world.comparisons.values())})

    def on_inference(self, _rest: list[str]) -> None:
        self.send(
            {
                "state": "unloaded",
                "model": "nano",
                "adapters": ["news"],
                "modes": ["nano-128", "tiny"],
                "mode": "nano-128",
                "window": 4096,
                "parameters": 2_400_000,
                "trained": True,
                "device": "cpu",
                "running": 0,
                "waiting": 0,
                "detail": None,
                "limits": {},
            }
        )

    def on_plan(self, _rest: list[str]) -> None:
        import base64

        if b"broken" in self.body:
            return self.refuse(400, "The PDF cannot be read: it ends before its table of contents.")
        image = "data:image/png;base64," + base64.b64encode(png("Page")).decode()
        return self.send(
            {
                "pages": 2,
                "visual_tokens": 42,
                "text_tokens": 161,
                "compression": 3.8333,
                "text_tokens_basis": "estimated",
                "mode": "nano-128",
                "prompts": 1,
                "window": 4096,
                "fits": True,
                "images": [image, image],
            }
        )

    def on_summarize(self, _rest: list[str]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        result = {
            "document_id": "request",
            "text": HOSTILE,
            "model": "nano",
            "mode": "nano-128",
            "route": "pages",
            "prompt_tokens": 61,
            "visual_tokens": 42,
            "generated_tokens": 17,
            "text_tokens": 161,
            "compression": 3.83,
            "seconds": 0.41,
            "pages_used": 2,
            "stop_reason": "eos",
            "prompts": 1,
            "sources": [],
        }
        events = [("status", {"state": "queued", "position": 1}), ("status", {"state": "drawing"})]
        events += [("token", {"text": word + " "}) for word in HOSTILE.split(" ")] + [("summary", result)]
        try:
            for event, data in events:
                self.wfile.write(f"event: {event}\ndata: {json.dumps(data)}\n\n".encode())
                self.wfile.flush()
                time.sleep(0.02)
        except OSError:
            return


class FakeServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that closes a tab is no error."""


def serve(port: int = 0, *, empty: bool = False) -> tuple[FakeServer, World]:
    """Start serving in the background; an `empty` world has no jobs and no datasets."""
    world = World()
    if not empty:
        world.fill()
    server = FakeServer(("127.0.0.1", port), type("BoundHandler", (Handler,), {"world": world}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, world
