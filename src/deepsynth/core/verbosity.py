"""How much a process says in its log: the environment variable DEEPSYNTH_LOG, for every process alike."""

from __future__ import annotations

import os
from collections.abc import Mapping

from deepsynth.core.errors import SettingsError

VARIABLE = "DEEPSYNTH_LOG"
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def log_level(default: str = "WARNING", environment: Mapping[str, str] = os.environ) -> str:
    """Return the level that the environment names, in capitals as `logging` has it, else `default`.

    Raises:
        SettingsError: there is no such level; the message lists those that there are.
    """
    given = environment.get(VARIABLE) or default
    if given.upper() not in LEVELS:
        raise SettingsError(f"{VARIABLE}: no level {given!r}; known: {', '.join(LEVELS)}")
    return given.upper()
