"""Check the image as an operator would use it, and print what was seen.

    python deploy/check_container.py [--image deepsynth:cpu] [--engine "podman"] [--port 5000]
    python deploy/check_container.py --compose "docker compose" [--variant deploy/postgres.env]

It starts the container as the compose file does (read-only, no capabilities, a token as a secret, a named volume), or, with
`--compose`, the compose file itself. Then: health; a dataset job; a training job on the bundled model; stop and start again,
with the jobs still listed; SIGTERM during a training, which must leave it paused at a checkpoint; resume, which must go on.
With a variant that has a worker, the web container is also replaced while a training runs, which must go on meanwhile. Every
step prints its time; the first that fails ends the check with exit code 1. The volumes are removed at the end. Needs nothing
but the system's Python and docker or podman.
"""

from __future__ import annotations

import argparse
import json
import os
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
COMPOSE_FILE = Path(__file__).parent / "docker-compose.cpu.yml"
ENDED = ("succeeded", "failed", "cancelled", "interrupted", "paused")


class CheckError(Exception):
    """Something is not as it must be."""


class Stack:
    """What serves the application, whichever way it is started, and its HTTP interface."""

    def __init__(self, engine: str, port: int, secret: Path) -> None:
        self.engine, self.port, self.secret = shlex.split(engine), port, secret
        self.token = secret.read_text(encoding="utf-8").strip()
        self.variables: dict[str, str] = {}

    def run(self, *arguments: str, check: bool = True) -> str:
        """Run the engine and return what it prints."""
        environment = {**os.environ, **self.variables}
        command = [*self.engine, *arguments]
        answer = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        if check and answer.returncode:
            raise CheckError(f"{' '.join(command)} failed: {answer.stderr.strip()[-500:]}")
        return answer.stdout

    def wait_until_up(self) -> None:
        """Wait until the server answers and is ready for jobs."""
        wait(lambda: self.get("/api/health") == {"status": "ok"}, 120, "the container answers /api/health")
        wait(lambda: self.ready(), 120, "/api/ready says that jobs can be stored and started")

    def ready(self) -> bool:
        """Tell whether jobs can be stored and started."""
        try:
            return bool((self.get("/api/ready") or {}).get("ready"))
        except CheckError:  # 503: not yet
            return False

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


class Container(Stack):
    """One container of the image over a volume that outlives it."""

    def __init__(self, engine: str, image: str, port: int, secret: Path, options: list[str]) -> None:
        super().__init__(engine, port, secret)
        self.image, self.options = image, options

    def up(self) -> None:
        """Start the container with what the compose file asks for, and wait until it answers."""
        names = f"127.0.0.1:{self.port},localhost:{self.port}"
        secret = "/run/secrets/deepsynth_token"
        self.run(
            *("run", "--detach", "--name", NAME, "--init", "--read-only", "--tmpfs", "/tmp:mode=1777,size=2g"),
            *("--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
            *("--env", f"DEEPSYNTH_UI_ALLOWED_HOSTS={names}", "--env", f"DEEPSYNTH_TOKEN_FILE={secret}"),
            *("--volume", f"{self.secret}:{secret}:ro", "--volume", f"{VOLUME}:/state"),
            *("--publish", f"127.0.0.1:{self.port}:5000", *self.options, self.image),
        )
        self.wait_until_up()

    def down(self, grace: int = 150) -> float:
        """Stop as `compose down` does; return the seconds it took."""
        began = time.monotonic()
        self.run("stop", "--time", str(grace), NAME)
        self.run("rm", NAME)
        return time.monotonic() - began

    def user(self) -> str:
        """Return the user that the server runs as."""
        return self.run("exec", NAME, "id", "-u").strip()

    def logs(self) -> str:
        """Return the last lines that it has written."""
        return self.run("logs", "--tail", "20", NAME, check=False)

    def clean(self) -> None:
        """Remove the container and its volume."""
        self.run("rm", "--force", NAME, check=False)
        self.run("volume", "rm", "--force", VOLUME, check=False)


class Composition(Stack):
    """The compose file, plain or as one of its variants."""

    def __init__(self, engine: str, port: int, secret: Path, variant: Path | None) -> None:
        super().__init__(engine, port, secret)
        chosen = ["--env-file", str(variant)] if variant else []
        self.engine += ["--project-name", NAME, *chosen, "--file", str(COMPOSE_FILE)]
        self.has_worker = variant is not None
        self.variables = {
            "DEEPSYNTH_PUBLISH": f"127.0.0.1:{port}",
            "DEEPSYNTH_UI_ALLOWED_HOSTS": f"127.0.0.1:{port},localhost:{port}",
            "DEEPSYNTH_TOKEN_FILE": str(secret),
            "DEEPSYNTH_DATABASE_PASSWORD_FILE": str(secret.parent / "database"),
        }

    def up(self) -> None:
        """Start what the file and its variant name, and wait until it answers."""
        self.run("up", "--detach")
        self.wait_until_up()

    def down(self) -> float:
        """Stop and remove the containers; return the seconds it took."""
        began = time.monotonic()
        self.run("down")
        return time.monotonic() - began

    def replace_web(self) -> None:
        """Put another web container in the place of the one that serves, as an upgrade does."""
        self.run("stop", "web")
        self.run("up", "--detach", "--force-recreate", "--no-deps", "web")
        self.wait_until_up()

    def user(self) -> str:
        """Return the user that the server runs as."""
        return self.run("exec", "-T", "web", "id", "-u").strip()

    def logs(self) -> str:
        """Return the last lines that the services have written."""
        return "".join(self.run("logs", "--tail", "20", name, check=False) for name in ("web", "worker"))

    def clean(self) -> None:
        """Remove the containers and their volumes."""
        self.run("down", "--volumes", check=False)


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


def check(stack: Container | Composition, model: str) -> None:
    """Go through the steps (see the module)."""
    began = time.monotonic()
    stack.up()
    told("started read-only, without capabilities, as another user; /api/health and /api/ready answer", began)
    if (user := stack.user()) != "10001":
        raise CheckError(f"the container runs as user {user}, not 10001")
    dataset = stack.start(
        "dataset", {"source": "packages", "pages": "on-the-fly", "cleaning.cut_chars": 120, "reading.limit": 60}
    )
    stack.ended(dataset, "succeeded", 900)
    told("a dataset job succeeded", began)
    reference = f"dataset:{stack.get('/api/datasets/generated')['datasets'][0]['id']}"
    settings = {"model": model, "data.path": reference, "batch_size": 2, "save_interval": 10}
    training = stack.start("training", settings | {"max_steps": 5})
    stack.ended(training, "succeeded", 900)
    told(f"a training job on {model} succeeded", began)
    stack.down()
    stack.up()
    listed = {job["job_id"]: job["state"] for job in stack.get("/api/jobs")["jobs"]}
    if listed != {dataset: "succeeded", training: "succeeded"}:
        raise CheckError(f"after down and up the jobs are {listed}")
    told("after down and up both jobs are listed", began)
    long = stack.start("training", settings | {"max_steps": 3000, "num_epochs": 1000})
    wait(lambda: done(stack, long) >= 3, 900, "the long training makes steps")
    if isinstance(stack, Composition) and stack.has_worker:
        check_replacement(stack, long)
        told("the web container was replaced while the training went on", began)
    seconds = stack.down()
    stack.up()
    job = stack.job(long)
    if job["state"] != "paused":
        raise CheckError(f"SIGTERM left the training {job['state']}: {job['reason']}")
    files = [file["path"] for file in stack.get(f"/api/jobs/{long}/files")["files"]]
    if not any("checkpoint-" in path and path.endswith("manifest.json") for path in files):
        raise CheckError(f"the paused training has no whole checkpoint: {files}")
    saved = job["progress"]["done"]
    told(f"SIGTERM paused a training at step {saved} with a checkpoint, in {seconds:.1f} s", began)
    stack.call("POST", f"/api/jobs/{long}/resume")
    wait(lambda: done(stack, long) > saved, 900, "the training goes on")
    stack.call("POST", f"/api/jobs/{long}/cancel")
    stack.ended(long, "cancelled", 120)
    told("it went on from there, and was cancelled", began)


def check_replacement(stack: Composition, job_id: str) -> None:
    """Replace the web container; the training must make steps in the same attempt."""
    before = done(stack, job_id)
    stack.replace_web()
    wait(lambda: done(stack, job_id) > before, 900, "the training makes steps after the web container was replaced")
    if (attempt := stack.job(job_id)["attempt"]) != 1:
        raise CheckError(f"the training was begun anew: it is at attempt {attempt}")


def done(stack: Stack, job_id: str) -> int:
    """Return how many steps a job has made."""
    return int((stack.job(job_id).get("progress") or {}).get("done", 0))


def main() -> int:
    """Check, clean up, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--image", default="deepsynth:cpu")
    parser.add_argument("--engine", default="podman", help="program and its global options")
    parser.add_argument(
        "--run-option", action="append", default=[], help="a further option of `run`, for example --ulimit=nofile=1024"
    )
    parser.add_argument("--port", type=int, default=5000)
    parser.add_argument("--model", default="nano", help="what is trained; tiny is quicker")
    parser.add_argument(
        "--compose", help="check the compose file with this program instead, for example `docker compose`"
    )
    parser.add_argument(
        "--variant", type=Path, help="the variant of the compose file: deploy/worker.env, deploy/postgres.env"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name in ("token", "database"):
            secret = Path(folder) / name
            secret.write_text(secrets.token_urlsafe(32), encoding="utf-8")
            secret.chmod(0o644)  # the container's user is another one; the folder keeps others out
        token, port = Path(folder) / "token", arguments.port
        if arguments.compose:
            stack: Container | Composition = Composition(arguments.compose, port, token, arguments.variant)
        else:
            stack = Container(arguments.engine, arguments.image, port, token, arguments.run_option)
        try:
            check(stack, arguments.model)
        except CheckError as error:
            sys.stderr.write(f"error: {error}\n{stack.logs()}")
            return 1
        finally:
            stack.clean()
    return 0


if __name__ == "__main__":
    sys.exit(main())
