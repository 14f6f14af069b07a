"""Check the image as an operator would use it, and print what was seen.

    python deploy/check_container.py [--image deepsynth:cpu] [--engine "podman"] [--port 5000]

It starts the container as the compose file does (read-only, no capabilities, a token as a secret, a named volume), then:
health; a dataset job; a training job; stop and start again, with the jobs still listed; SIGTERM during a training, which
must leave it paused at a checkpoint; resume, which must go on. Every step prints its time; the first that fails ends the
check with exit code 1. The volume is removed at the end. Needs nothing but the system's Python and docker or podman.
"""

from __future__ import annotations

import argparse
import json
import secrets
import shlex
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

NAME, VOLUME = "deepsynth-check", "deepsynth-check-state"
ENDED = ("succeeded", "failed", "cancelled", "interrupted", "paused")


class CheckError(Exception):
    """Something is not as it must be."""


class Container:
    """One container of the image over a volume that outlives it."""

    def __init__(self, engine: str, image: str, port: int, secret: Path) -> None:
        self.engine, self.image, self.port, self.secret = shlex.split(engine), image, port, secret
        self.token = secret.read_text(encoding="utf-8").strip()

    def run(self, *arguments: str, check: bool = True) -> str:
        """Run the engine and return what it prints."""
        answer = subprocess.run([*self.engine, *arguments], capture_output=True, text=True, check=False)
        if check and answer.returncode:
            raise CheckError(f"{' '.join(arguments[:2])} failed: {answer.stderr.strip()[-500:]}")
        return answer.stdout

    def up(self, extra: list[str]) -> None:
        """Start the container with what the compose file asks for, and wait until it answers."""
        names = f"127.0.0.1:{self.port},localhost:{self.port}"
        secret = "/run/secrets/deepsynth_token"
        self.run(
            *("run", "--detach", "--name", NAME, "--init", "--read-only", "--tmpfs", "/tmp:mode=1777,size=2g"),
            *("--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
            *("--env", f"DEEPSYNTH_UI_ALLOWED_HOSTS={names}", "--env", f"DEEPSYNTH_TOKEN_FILE={secret}"),
            *("--volume", f"{self.secret}:{secret}:ro", "--volume", f"{VOLUME}:/state"),
            *("--publish", f"127.0.0.1:{self.port}:5000", *extra, self.image),
        )
        wait(lambda: self.get("/api/health") == {"status": "ok"}, 60, "the container answers /api/health")

    def down(self, grace: int = 150) -> float:
        """Stop as `compose down` does; return the seconds it took."""
        began = time.monotonic()
        self.run("stop", "--time", str(grace), NAME)
        self.run("rm", NAME)
        return time.monotonic() - began

    def get(self, path: str) -> Any:
        """Return the JSON of a route; none while nobody listens."""
        return self.call("GET", path)

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Call a route with the token."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise CheckError(f"{method} {path}: {error.code} {error.read().decode()[:500]}") from error
        except OSError:
            return None

    def start(self, kind: str, settings: dict[str, Any]) -> str:
        """Make a job and return its id."""
        return self.call("POST", "/api/jobs", {"kind": kind, "name": f"check {kind}", "settings": settings})["job_id"]

    def job(self, job_id: str) -> dict[str, Any]:
        """Return a job as the server has it."""
        answer = self.get(f"/api/jobs/{job_id}")
        return answer["job"] if answer else {}

    def ended(self, job_id: str, wanted: str, seconds: float) -> dict[str, Any]:
        """Wait until a job has ended, and insist on how."""
        wait(lambda: self.job(job_id).get("state") in ENDED, seconds, f"job {job_id} ends")
        job = self.job(job_id)
        if job["state"] != wanted:
            raise CheckError(f"job {job_id} is {job['state']}, not {wanted}: {job['reason']}")
        return job


def wait(condition: Any, seconds: float, what: str) -> None:
    """Wait until `condition()` is true.

    Raises:
        CheckError: it was not within `seconds`.
    """
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise CheckError(f"waited {seconds:.0f} s in vain: {what}")
        time.sleep(0.5)


def told(step: str, began: float) -> None:
    """Print a step that went well."""
    sys.stdout.write(f"ok  {time.monotonic() - began:6.1f} s  {step}\n")
    sys.stdout.flush()


def check(container: Container, extra: list[str]) -> None:
    """Go through the steps (see the module)."""
    began = time.monotonic()
    container.up(extra)
    told("started read-only, without capabilities, as another user; /api/health answers", began)
    user = container.run("exec", NAME, "id", "-u").strip()
    if user != "10001":
        raise CheckError(f"the container runs as user {user}, not 10001")
    dataset = container.start(
        "dataset", {"source": "packages", "pages": "on-the-fly", "cleaning.cut_chars": 120, "reading.limit": 60}
    )
    container.ended(dataset, "succeeded", 300)
    told("a dataset job succeeded", began)
    reference = f"dataset:{container.get('/api/datasets/generated')['datasets'][0]['id']}"
    settings = {"model": "tiny", "data.path": reference, "batch_size": 4, "save_interval": 20}
    training = container.start("training", settings | {"max_steps": 10})
    container.ended(training, "succeeded", 300)
    told("a training job succeeded", began)
    container.down()
    container.up(extra)
    listed = {job["job_id"]: job["state"] for job in container.get("/api/jobs")["jobs"]}
    if listed != {dataset: "succeeded", training: "succeeded"}:
        raise CheckError(f"after down and up the jobs are {listed}")
    told("after down and up both jobs are listed", began)
    long = container.start("training", settings | {"max_steps": 3000, "num_epochs": 1000})
    wait(lambda: (container.job(long).get("progress") or {}).get("done", 0) >= 5, 300, "the long training makes steps")
    seconds = container.down()
    container.up(extra)
    job = container.job(long)
    if job["state"] != "paused":
        raise CheckError(f"SIGTERM left the training {job['state']}: {job['reason']}")
    files = [file["path"] for file in container.get(f"/api/jobs/{long}/files")["files"]]
    if not any("checkpoint-" in path and path.endswith("manifest.json") for path in files):
        raise CheckError(f"the paused training has no whole checkpoint: {files}")
    told(f"SIGTERM paused a training at step {job['progress']['done']} with a checkpoint, in {seconds:.1f} s", began)
    done = job["progress"]["done"]
    container.call("POST", f"/api/jobs/{long}/resume")
    wait(lambda: (container.job(long).get("progress") or {}).get("done", 0) > done, 300, "the training goes on")
    container.call("POST", f"/api/jobs/{long}/cancel")
    container.ended(long, "cancelled", 120)
    told("it went on from there, and was cancelled", began)


def main() -> int:
    """Check, clean up, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--image", default="deepsynth:cpu")
    parser.add_argument("--engine", default="podman", help="program and its global options")
    parser.add_argument(
        "--run-option", action="append", default=[], help="a further option of `run`, for example --ulimit=nofile=1024"
    )
    parser.add_argument("--port", type=int, default=5000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        secret = Path(folder) / "token"
        secret.write_text(secrets.token_urlsafe(32), encoding="utf-8")
        secret.chmod(0o644)  # the container's user is another one; the folder keeps others out
        container = Container(arguments.engine, arguments.image, arguments.port, secret)
        try:
            check(container, arguments.run_option)
        except CheckError as error:
            sys.stderr.write(f"error: {error}\n{container.run('logs', '--tail', '20', NAME, check=False)}")
            return 1
        finally:
            container.run("rm", "--force", NAME, check=False)
            container.run("volume", "rm", "--force", VOLUME, check=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
