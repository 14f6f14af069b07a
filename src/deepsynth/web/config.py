"""Settings of the web application and of its worker, and the environment variables that name them, read here alone."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field

from deepsynth.core.config import Config
from deepsynth.core.errors import SettingsError
from deepsynth.jobs.place import DEFAULT, STATE_DIR
from deepsynth.web.inference.config import InferenceConfig
from deepsynth.web.journal import LogFormat

SHORTEST_TOKEN = 16
Bytes = Annotated[int, Field(ge=1)]


class QueueConfig(Config):
    """The state folder, and how its queue of jobs is run."""

    state_dir: Path = DEFAULT
    """Folder for jobs, their results and uploads (environment: DEEPSYNTH_UI_STATE_DIR)."""
    cpu_slots: int | None = Field(default=None, ge=1, le=64)
    """Jobs that may run at once; by default one, and one more for each accelerator."""
    executor: str = "local"
    """Where jobs run: `local`, on this machine; `ray`, on a Ray cluster; or an executor of your own (entry point
    `deepsynth.executors`)."""
    ray_address: str = "http://127.0.0.1:8265"
    """Address of the Ray cluster's job server; used with `executor` ray."""
    ray_gpus: int = Field(default=0, ge=0, le=4096)
    """Accelerators that jobs may hold on the Ray cluster at once; used with `executor` ray."""
    log_format: LogFormat = "text"
    """Form of the process's own log: lines of text, or one JSON object per line (environment: DEEPSYNTH_UI_LOG_FORMAT)."""
    pause_on_stop: bool = False
    """Before stopping, pause every job at a checkpoint; meant for containers (environment: DEEPSYNTH_UI_PAUSE_ON_STOP)."""


class WorkerConfig(QueueConfig):
    """A process that runs the queue and serves nothing."""

    check: bool = False
    """Only check that the store answers and that some process runs its queue: exit code 0 if so, else 1. For health checks."""


class WebConfig(QueueConfig):
    """Where the web application listens, what it keeps, and who may use it."""

    host: str = "127.0.0.1"
    """Address to listen on; one that other machines can reach needs a token (environment: DEEPSYNTH_UI_HOST)."""
    port: int = Field(default=5000, ge=0, le=65535)
    """Port to listen on (environment: DEEPSYNTH_UI_PORT)."""
    uds: Path | None = None
    """Listen on this Unix socket instead, which only its owner can open: for hosts that several people share."""
    root_path: str = Field(default="", pattern=r"^(/[A-Za-z0-9._~-]+)*$")
    """Prefix under which a proxy publishes the application, for example `/deepsynth`."""
    allowed_hosts: tuple[str, ...] = ()
    """Further host names, `name` or `name:port`, under which the application may be reached (environment:
    DEEPSYNTH_UI_ALLOWED_HOSTS, separated by commas)."""
    run_queue: bool = True
    """Start waiting jobs in this process; switch it off where `deepsynth worker` does that (environment:
    DEEPSYNTH_UI_RUN_QUEUE)."""
    folders: tuple[Path, ...] = (Path("data"), Path("runs"))
    """Folders whose datasets and models are offered beside those of jobs; jobs can read from no other folders."""
    token_file: Path | None = None
    """File with the access token (environment: DEEPSYNTH_TOKEN_FILE, or DEEPSYNTH_TOKEN for the token itself)."""
    login: Literal["auto", "always"] = "auto"
    """Whether people must log in: `auto`, when there is a token, or `always`, which makes a token for this run where there is
    none."""
    secure_cookies: bool = False
    """Send the login cookie over TLS only: set it when a proxy publishes the application with https."""
    upload_bytes: Bytes = 256 * 2**20
    """Largest upload, in bytes."""
    quota_bytes: Bytes = 4 * 2**30
    """Bytes that all uploads together may take."""
    free_bytes: int = Field(default=2**29, ge=0)
    """Free disk space that an upload must leave, in bytes."""
    streams: int = Field(default=256, ge=1, le=10_000)
    """Pages that may listen to events at once; at most 100 of them from any one other machine."""
    inference: InferenceConfig = InferenceConfig()
    """The model that the playground and the HTTP interface run."""


_VARIABLES = {
    STATE_DIR: "state_dir",
    "DEEPSYNTH_UI_HOST": "host",
    "DEEPSYNTH_UI_PORT": "port",
    "DEEPSYNTH_UI_ROOT_PATH": "root_path",
    "DEEPSYNTH_UI_ALLOWED_HOSTS": "allowed_hosts",
    "DEEPSYNTH_UI_FOLDERS": "folders",
    "DEEPSYNTH_UI_PAUSE_ON_STOP": "pause_on_stop",
    "DEEPSYNTH_UI_RUN_QUEUE": "run_queue",
    "DEEPSYNTH_UI_LOG_FORMAT": "log_format",
    "DEEPSYNTH_TOKEN_FILE": "token_file",
}
_LISTS = frozenset({"allowed_hosts", "folders"})
Given = TypeVar("Given", bound=QueueConfig)


def from_environment(environment: Mapping[str, str] = os.environ, given: WebConfig | None = None) -> WebConfig:
    """Return the settings that the environment names, those of `given` that were set over them, defaults elsewhere.

    Raises:
        SettingsError: a variable holds a value out of its limits.
    """
    return over_environment(given or WebConfig(), environment)


def over_environment(given: Given, environment: Mapping[str, str] = os.environ) -> Given:
    """Return settings of the same class: those of `given` that were set, over what the environment names.

    Raises:
        SettingsError: a variable holds a value out of its limits; it is named.
    """
    over = given.model_dump(exclude_unset=True)
    values: dict[str, Any] = {}
    for name, field in _VARIABLES.items():
        value = environment.get(name)
        if value and field not in over and field in type(given).model_fields:
            values[field] = [part.strip() for part in value.split(",")] if field in _LISTS else value
    try:
        return type(given).parse(values | over)
    except SettingsError as error:
        name = next((name for name, field in _VARIABLES.items() if field in values and field == error.field), None)
        raise SettingsError(f"{name}: {error}" if name else str(error), field=error.field) from error


def access_token(config: WebConfig, environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the token that opens the application, or none where nobody has to log in.

    It is no setting, so that it is never written, printed or shown among the arguments of a process.

    Raises:
        SettingsError: the file cannot be read, or the token is too short to be safe.
    """
    token = environment.get("DEEPSYNTH_TOKEN", "")
    if config.token_file is not None:
        try:
            token = config.token_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingsError(
                f"cannot read the token in {config.token_file}: {error.strerror}", field="token_file"
            ) from None
    if token and len(token) < SHORTEST_TOKEN:
        raise SettingsError(
            f"the access token has fewer than {SHORTEST_TOKEN} characters; make a longer one", field="token_file"
        )
    if not token and config.login == "always":
        return secrets.token_urlsafe(32)
    return token or None
