"""Runs attempts on a Ray cluster: each is a Ray job whose entrypoint is the same runner that a local attempt has (extra `ray`).

Ray finds a machine, starts the runner there and says whether it still runs; the store and the state folder, which every machine
of the cluster must see, stay the truth. An attempt's submission id follows from the job and the attempt, so that a new server
finds what an earlier one submitted, and one that was never submitted is known as such.
"""

from __future__ import annotations

import importlib
import importlib.util
import shlex
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

from deepsynth.core.errors import MissingExtraError, SettingsError, StorageError
from deepsynth.jobs.executor import ATTEMPT, FolderExecutor, Means, executors, record_of
from deepsynth.jobs.folder import ExitRecord
from deepsynth.jobs.job import SHUTDOWN_SECONDS, Job, JobStatus
from deepsynth.jobs.place import Place
from deepsynth.jobs.secrets import redact_text

GRACE_MARGIN = 20.0
"""Seconds beyond the runner's own patience before Ray may kill what it was told to stop."""
_STOPPABLE = (JobStatus.PAUSING, JobStatus.CANCELLING)


class RayExecutor(FolderExecutor):
    """Runs attempts as jobs of a Ray cluster."""

    elsewhere: ClassVar[bool] = True
    tick_seconds: ClassVar[float] = 2.0  # each look is a question over the network

    def __init__(self, place: Place, address: str, *, connect: Callable[[], Any] | None = None) -> None:
        """Connect on first use.

        Args:
            place: the state folder and the store, which every machine of the cluster sees under the same names.
            address: of Ray's job server, for example `http://127.0.0.1:8265`.
            connect: makes the client; Ray's own by default.

        Raises:
            MissingExtraError: Ray is not installed.
            SettingsError: there is no address, or the store's URL holds a password, which Ray would show to everybody.
        """
        if not address.startswith(("http://", "https://")):
            raise SettingsError(
                f"ray_address {address!r} is no address of a Ray job server, such as http://127.0.0.1:8265",
                field="ray_address",
            )
        if urlsplit(place.store_url).password:
            raise SettingsError(
                "DEEPSYNTH_STORE holds a password, which Ray would show on its dashboard; use ?password_file=/path, readable"
                " on every machine",
                field="executor",
            )
        super().__init__(place)
        self._address = address
        if connect is None and importlib.util.find_spec("ray") is None:
            raise MissingExtraError("ray", "ray")
        self._connect = connect or self._import_client
        self._client: Any = None

    @classmethod
    def make(cls, place: Place, means: Means) -> Self:
        """Return one for the cluster at `means.address`."""
        return cls(place, means.address)

    def start(self, job: Job) -> ExitRecord | None:
        """Submit the attempt.

        Raises:
            StorageError: Ray does not answer; whether it was submitted shows when it is asked again.
        """
        if (gone := self.record_without_folder(job)) is not None:
            return gone
        patience = max(job.grace_seconds, SHUTDOWN_SECONDS) + GRACE_MARGIN
        environment = {
            **self.place.environment(),
            ATTEMPT: str(job.attempt),
            "RAY_JOB_STOP_WAIT_TIME_S": f"{patience:.0f}",
        }
        self._ask(
            lambda client: client.submit_job(
                entrypoint=shlex.join(self.command(job)),
                submission_id=submission_id(job),
                runtime_env={"env_vars": environment},
                metadata={"deepsynth_job": job.id, "deepsynth_attempt": str(job.attempt), "kind": job.kind},
                entrypoint_num_cpus=job.needs.cpu,
                entrypoint_num_gpus=job.needs.gpu,
            )
        )
        return None

    def ended(self, jobs: Sequence[Job]) -> list[tuple[Job, ExitRecord]]:
        """Ask Ray for each; one that waits at Ray and is asked to stop is taken back there.

        Raises:
            StorageError: Ray does not answer, so nothing is known.
        """
        return [(job, record) for job in jobs if (record := self._look(job)) is not None]

    def _look(self, job: Job) -> ExitRecord | None:
        found = self._ask(lambda client: client.get_job_info(submission_id(job)), or_none=True)
        status = "UNKNOWN" if found is None else str(found.status)
        if status in ("PENDING", "RUNNING"):
            if status == "PENDING" and job.status in _STOPPABLE:
                self._ask(lambda client: client.stop_job(submission_id(job)))
            return None
        folder = self.folder(job.id)
        if folder.runner.is_held():  # Ray has lost its records, and the runner lives
            return None
        return record_of(folder, job.attempt, describe(status, "" if found is None else found.message or ""))

    def _ask(self, question: Callable[[Any], Any], *, or_none: bool = False) -> Any:
        """Return the answer; none for a job that Ray does not know, where that is one.

        Raises:
            StorageError: Ray does not answer, or refuses.
        """
        try:
            if self._client is None:
                self._client = self._connect()
            return question(self._client)
        except (OSError, RuntimeError) as error:  # the client's own words for: no connection, and any status but 200
            text = " ".join(str(error).split())
            if or_none and "404" in text:
                return None
            self._client = None
            raise StorageError(
                f"the Ray cluster at {self._address} does not answer as it should: {text[:300]}"
            ) from error

    def _import_client(self) -> Any:
        """Import Ray, which takes a second and much memory, only when something is to be asked of it."""
        ray: Any = importlib.import_module("ray.job_submission")
        return ray.JobSubmissionClient(self._address)


executors.register("ray")(RayExecutor)


def submission_id(job: Job) -> str:
    """Return the name that Ray knows an attempt by."""
    return f"deepsynth-{job.id}-{job.attempt}"


def describe(status: str, message: str) -> str:
    """Return in words why an attempt without an exit record is over."""
    if status == "UNKNOWN":
        return "Ray does not know it: it was never submitted, or the cluster was started anew"
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return redact_text(f"Ray calls it {status.lower()}" + (f": {lines[-1][:300]}" if lines else ""))
