"""The `jobs` verb: what the web application does with jobs, from a terminal; and the two processes of a job itself.

    deepsynth jobs                          list them
    deepsynth jobs show|log|pause|resume|cancel|delete ID
    deepsynth jobs backup|restore FOLDER    copy the state folder while the application runs; put such a copy back
    deepsynth jobs run ID                   the runner of its next attempt; the web application starts one for each
    deepsynth jobs work ID ATTEMPT RUNNER   the work itself; only a runner starts it

The state folder is that of DEEPSYNTH_UI_STATE_DIR, or `--state-dir`.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable
from pathlib import Path

from deepsynth.core.config import Config
from deepsynth.core.control import Control
from deepsynth.core.errors import InputError
from deepsynth.core.progress import Reporter
from deepsynth.jobs import IllegalMoveError, Job, JobStatus, StateManager, logs
from deepsynth.jobs.backup import backup, restore
from deepsynth.jobs.executor import ATTEMPT, LOCKS, take_locks
from deepsynth.jobs.folder import JobFolder
from deepsynth.jobs.job import ACTIVE
from deepsynth.jobs.place import Place, find_place
from deepsynth.jobs.processes import die_with_parent
from deepsynth.jobs.runner import Runner
from deepsynth.jobs.secrets import TokenFiles
from deepsynth.jobs.worker import JobReporter, work
from deepsynth.workflows.catalog import Verb, job_kinds

LOG_TAIL = 64 * 2**10


class JobsConfig(Config):
    """What is done with which job."""

    words: tuple[str, ...] = ()
    """What to do and the job's id or a folder, for example `pause 0f3a5c7d9e1b2a4c`; nothing lists all jobs."""
    state_dir: Path | None = None
    """Folder of the web application's state; else that of DEEPSYNTH_UI_STATE_DIR, else runs/web."""
    artifacts: bool = False
    """With `delete`: remove the folder that the job wrote, too."""
    without_results: bool = False
    """With `backup`: leave out what jobs have written (checkpoints, datasets, reports)."""
    save_first: bool = True
    """With `cancel`: let the job save a checkpoint first."""


def run(config: JobsConfig, reporter: Reporter) -> str | None:
    """Do it, and return what to print.

    Raises:
        InputError: nothing of this name can be done, or no job was named.
        IllegalMoveError: it is not possible in the job's state.
        UnknownJobError: no job has this id.
    """
    action, *names = config.words or ("list",)
    if action == "work":
        if len(names) != 3 or not (names[1].isdecimal() and names[2].isdecimal()):
            raise InputError("a runner starts this: deepsynth jobs work ID ATTEMPT RUNNER", field="words")
        raise SystemExit(_work(find_place(config.state_dir), names[0], int(names[1]), int(names[2])))
    place = find_place(config.state_dir)
    if action in ("backup", "restore"):
        return _copy(action, place, names, config)
    store = place.open()
    try:
        if action == "list":
            return "\n".join(_line(job) for job in store.list_jobs()) or "no jobs"
        if action not in _ACTIONS:
            raise InputError(
                f"jobs cannot {action!r}; it can list, backup, restore, {', '.join(sorted(_ACTIONS))}", field="words"
            )
        if len(names) != 1:
            raise InputError(f"name one job: deepsynth jobs {action} ID", field="words")
        return _ACTIONS[action](store, place, names[0], config)
    finally:
        store.close()


def _copy(action: str, place: Place, names: list[str], config: JobsConfig) -> str:
    if len(names) != 1:
        raise InputError(f"name one folder: deepsynth jobs {action} FOLDER", field="words")
    folder = Path(names[0]).absolute()
    if action == "backup":
        size = backup(place, folder, artifacts=not config.without_results)
        return f"copied {place.state_dir} to {folder}, {size:,} bytes"
    restore(folder, place)
    return f"{place.state_dir} is as it was copied to {folder}; start the application"


def _line(job: Job) -> str:
    done, total = job.progress.get("done", 0), job.progress.get("total")
    how_far = f"{done}/{'?' if total is None else total}" if job.progress else ""
    return f"{job.id}  {job.kind:<10}  {job.status:<11}  {how_far:<11}  {job.name}  {job.reason}".rstrip()


def _show(store: StateManager, _place: Place, job_id: str, _config: JobsConfig) -> str:
    job = store.get_job(job_id)
    moves = [f"  {event['at']}  {event['status']}  {event['reason']}".rstrip() for event in store.events(job_id=job_id)]
    return "\n".join(
        [_line(job), f"attempt {job.attempt}, writes {job.output or 'nothing'}", *moves, job.result]
    ).rstrip()


def _log(store: StateManager, place: Place, job_id: str, _config: JobsConfig) -> str:
    return logs.read(JobFolder(place.jobs, store.get_job(job_id).id).log, -LOG_TAIL, LOG_TAIL).text


def _request(action: str) -> Callable[[StateManager, Place, str, JobsConfig], str]:
    def ask(store: StateManager, _place: Place, job_id: str, config: JobsConfig) -> str:
        return _line(store.request(job_id, action, save=config.save_first))

    return ask


def _delete(store: StateManager, place: Place, job_id: str, config: JobsConfig) -> str:
    delete_job(store, place, job_id, artifacts=config.artifacts)
    return f"deleted job {job_id}"


def delete_job(store: StateManager, place: Place, job_id: str, *, artifacts: bool) -> None:
    """Delete a job, its log and its settings; with `artifacts`, the folder that it wrote as well, if the application chose it.

    The folders are removed by the scheduler, or by the next one to start.
    """
    job = store.get_job(job_id)
    remove = [str(JobFolder(place.jobs, job_id).path)]
    if artifacts and Path(job.output).parent == place.artifacts:
        remove.append(job.output)
    store.delete_job(job_id, remove=remove)


def _run(store: StateManager, place: Place, job_id: str, _config: JobsConfig) -> str:
    """Be the runner of the job's next attempt, or of the one that a scheduler has claimed for it."""
    folder = JobFolder(place.jobs, job_id, place.host)
    handed_over, attempt = os.environ.pop(LOCKS, ""), os.environ.pop(ATTEMPT, "")
    if handed_over:
        alive, runner = map(int, handed_over.split(","))
        folder.alive.adopt(alive)
        folder.runner.adopt(runner)
        job = store.get_job(job_id)
        if job.status is JobStatus.QUEUED:
            raise IllegalMoveError(f"job {job_id} went back into the queue before its runner began")
    else:
        if not take_locks(folder):
            raise InputError(f"job {job_id} is running; see deepsynth jobs show {job_id}")
        job = _claimed(store, job_id, int(attempt)) if attempt else store.queue.claim(job_id, place.host)
    command = [sys.executable, "-m", "deepsynth", "jobs", "work", job_id, str(job.attempt), str(os.getpid())]
    environment = {**os.environ, **place.environment()}
    try:
        record = Runner(store, folder, job, command, environment, lease_seconds=place.lease_seconds).run()
    finally:
        TokenFiles().remove(job_id, job.attempt)
    return "another attempt has taken over" if record is None else f"{record.status} {record.reason}".strip()


def _claimed(store: StateManager, job_id: str, attempt: int) -> Job:
    """Return the job, if this attempt is the one that is to run."""
    job = store.get_job(job_id)
    if job.attempt != attempt or job.status not in ACTIVE:
        raise IllegalMoveError(f"job {job_id} is {job.status} at attempt {job.attempt}; attempt {attempt} is over")
    return job


_ACTIONS: dict[str, Callable[[StateManager, Place, str, JobsConfig], str]] = {
    "show": _show,
    "log": _log,
    "pause": _request("pause"),
    "resume": _request("resume"),
    "cancel": _request("cancel"),
    "delete": _delete,
    "run": _run,
}


def _work(place: Place, job_id: str, attempt: int, runner: int) -> int:
    """Do the work of an attempt and return the exit code; `runner` is the process that is waiting for it."""
    die_with_parent(runner)
    folder = JobFolder(place.jobs, job_id)
    spec = folder.spec()
    verb = job_kinds()[spec["kind"]]
    settings = verb.config_class().parse(spec["config"])
    handles_pauses = _handles_pauses(verb)

    def do(reporter: JobReporter, control: Control) -> object:
        return verb.function()(settings, reporter, *([control] if handles_pauses else []))

    return work(folder.attempt(attempt), do, may_stop=not handles_pauses)


def _handles_pauses(verb: Verb) -> bool:
    """Tell whether a verb takes a `Control`, looks at it between steps, and saves before it stops."""
    return "control" in inspect.signature(verb.function()).parameters
