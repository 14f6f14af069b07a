"""Settings of the web application, read once from the environment: the only place in the package that does so."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import Field

from deepsynth.core.config import Config
from deepsynth.web.inference.config import InferenceConfig


class WebConfig(Config):
    """Where the web application listens and keeps its state."""

    host: str = "127.0.0.1"
    """Address to listen on; only loopback is accepted until access tokens exist."""
    port: int = Field(default=5000, ge=0, le=65535)
    """Port to listen on."""
    state_dir: Path = Path("runs/web")
    """Folder for jobs and their files (environment: DEEPSYNTH_UI_STATE_DIR)."""
    inference: InferenceConfig = InferenceConfig()
    """The model that the playground and the HTTP interface run."""


_VARIABLES = {
    "DEEPSYNTH_UI_STATE_DIR": "state_dir",
    "DEEPSYNTH_UI_HOST": "host",
    "DEEPSYNTH_UI_PORT": "port",
}


def from_environment(environment: Mapping[str, str] = os.environ) -> WebConfig:
    """Return the settings that the environment names, defaults elsewhere.

    Raises:
        SettingsError: a variable holds a value out of its limits.
    """
    return WebConfig.parse({field: environment[name] for name, field in _VARIABLES.items() if environment.get(name)})
