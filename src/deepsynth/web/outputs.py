"""What a job has written: its files, each under an id, its samples and its measurements. Links are never followed."""

from __future__ import annotations

import json
import mimetypes
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepsynth.jobs import Job
from deepsynth.jobs.folder import json_lines
from deepsynth.web.inventory import identify

MOST_FILES = 2000
SAMPLES = "samples.jsonl"
_TYPES = {
    ".safetensors": "application/octet-stream",
    ".jsonl": "application/x-ndjson",
    ".parquet": "application/vnd.apache.parquet",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class OutputFile:
    """A file below a job's output folder."""

    id: str
    path: Path
    name: str
    """Relative to the output folder."""
    bytes: int
    media_type: str

    def values(self) -> dict[str, Any]:
        """Return what a list shows of it."""
        return {"id": self.id, "path": self.name, "bytes": self.bytes, "media_type": self.media_type}


def list_files(job: Job) -> tuple[list[OutputFile], bool]:
    """Return the files of a job, and whether there are more than are listed."""
    if not job.output:
        return [], False
    root = Path(job.output)
    found: list[OutputFile] = []
    for path in _walk(root):
        if len(found) >= MOST_FILES:
            return found, True
        found.append(
            OutputFile(
                id=identify(path),
                path=path,
                name=path.relative_to(root).as_posix(),
                bytes=path.lstat().st_size,
                media_type=media_type(path),
            )
        )
    return found, False


def _walk(root: Path) -> Iterator[Path]:
    for folder, names, files in os.walk(root, followlinks=False):
        names[:] = sorted(name for name in names if not name.startswith("."))
        for name in sorted(files):
            path = Path(folder) / name
            if not path.is_symlink() and not name.startswith("."):
                yield path


def media_type(path: Path) -> str:
    """Return the media type of a file; what a browser would run or draw as a document is plain bytes."""
    known = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return "application/octet-stream" if known in ("text/html", "image/svg+xml", "application/xhtml+xml") else known


def find_file(job: Job, name: str) -> Path | None:
    """Return a file of this name in the output folder, if it is one and no link."""
    path = Path(job.output) / name
    return path if job.output and path.is_file() and not path.is_symlink() else None


def read_system(path: Path) -> list[dict[str, float | None]]:
    """Return a runner's samples: seconds since the first, memory, and processor use since the one before."""
    rows = list(_lines(path))
    points: list[dict[str, float | None]] = []
    for number, row in enumerate(rows):
        before = rows[number - 1] if number else None
        seconds = row["at"] - before["at"] if before else 0.0
        busy = None if before is None or seconds <= 0 else 100 * (row["cpu_seconds"] - before["cpu_seconds"]) / seconds
        points.append(
            {
                "seconds": row["at"] - rows[0]["at"],
                "memory_mib": row["memory_mib"],
                "cpu_percent": None if busy is None else max(0.0, busy),
                "gpu_memory_mib": row.get("gpu_memory_mib"),
            }
        )
    return points


def read_samples(job: Job, limit: int) -> list[dict[str, Any]]:
    """Return the newest samples of a training, or the rows of an evaluation's report, each with the addresses of its pages."""
    path = find_file(job, SAMPLES)
    if path is not None:
        rows = list(_lines(path))[-limit:]
        return [{**row, "pages": _page_addresses(job, row.get("pages", []))} for row in rows]
    report = find_file(job, "report.json")
    if report is None:
        return []
    rows = json.loads(report.read_text(encoding="utf-8")).get("rows", [])[:limit]
    return [
        {
            "step": None,
            "id": row.get("id"),
            "text": row.get("text"),
            "reference": row.get("reference"),
            "prediction": row.get("predictions", {}).get("model"),
            "predictions": row.get("predictions", {}),
            "pages": _page_addresses(job, row.get("pages") or _pages_of(job, number)),
        }
        for number, row in enumerate(rows)
    ]


def _pages_of(job: Job, number: int) -> list[str]:
    """Return the names of the pictures that an evaluation has kept of a row's pages."""
    return sorted(f"pages/{path.name}" for path in (Path(job.output) / "pages").glob(f"{number:06}-*.png"))


def _page_addresses(job: Job, pages: list[Any]) -> list[str]:
    files = (find_file(job, page) for page in pages if isinstance(page, str) and ".." not in Path(page).parts)
    return [f"api/jobs/{job.id}/files/{identify(file)}" for file in files if file is not None]


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        yield from json_lines(path.read_bytes())
    except FileNotFoundError:
        return
