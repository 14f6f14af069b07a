"""Asks for the plan of a training in a process of its own, because that needs torch; remembers the answers.

A check is asked after every change of a form, and must answer at once: it is given what is known, and `None` while the process
works. One process runs at a time, for what was wanted last.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from deepsynth.core.built_in import BUILT_IN

logger = logging.getLogger(__name__)

SECONDS = 120.0
MOST_KNOWN = 200
RELEVANT = (
    *("model", "batch_size", "max_length", "mixed_precision", "gradient_checkpointing", "keep_checkpoints", "freeze"),
    *("optimizer", "lora", "rendering"),
)
"""The settings on which a plan depends."""

Known = dict[str, Any]
"""What `deepsynth.workflows.estimate` says, or `{"error": words}`."""


def ask(settings: str) -> Known:
    """Return the estimate for settings, given as JSON."""
    try:
        answer = subprocess.run(
            [sys.executable, "-m", "deepsynth.workflows.estimate"],
            input=settings, capture_output=True, text=True, check=False, timeout=SECONDS,
            env={**os.environ, "HF_HUB_OFFLINE": "1"},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return {"error": f"the plan was not ready within {SECONDS:g} s"}
    if answer.returncode:
        said = answer.stderr.strip().splitlines() or [f"exit code {answer.returncode}"]
        return {"error": f"the plan failed: {said[-1]}"}
    return json.loads(answer.stdout)


class Planner:
    """Plans trainings in the background."""

    def __init__(self, ask: Callable[[str], Known] = ask) -> None:
        """`ask` returns the estimate for settings as JSON; it may take its time."""
        self._ask = ask
        self._known: dict[str, Known] = {}
        self._wanted: str | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def plan(self, config: Mapping[str, Any]) -> Known | None:
        """Return the estimate for the settings of a training, or none while it is being worked out.

        A model that is neither built in nor a folder is not fetched for this; then the estimate is an error in words.
        """
        model = str(config["model"])
        if model not in BUILT_IN and not Path(model).is_dir():
            return {"error": f"the size of {model} is known once it has been loaded"}
        key = json.dumps({name: config[name] for name in RELEVANT if name in config}, sort_keys=True)
        with self._lock:
            if key in self._known:
                return self._known[key]
            self._wanted = key
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="planner", daemon=True)
                self._thread.start()
        return None

    def _work(self) -> None:
        while True:
            with self._lock:
                key, self._wanted = self._wanted, None
                if key is None or key in self._known:
                    self._thread = None
                    return
            found = self._ask(key)
            with self._lock:
                self._known[key] = found
                while len(self._known) > MOST_KNOWN:
                    self._known.pop(next(iter(self._known)))
