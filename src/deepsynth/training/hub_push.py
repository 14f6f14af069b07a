"""Checkpoints to the Hub while the run goes on: in a thread of its own, whose failure is told and stops nothing.

What is pushed is what a user of the model needs, not what resuming needs. Files are linked into a folder of their own, so
a checkpoint may be removed while it is still on its way. When checkpoints come faster than the network takes them, those
in between are left out.
"""

from __future__ import annotations

import logging
import os
import queue
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from huggingface_hub import HfApi

from deepsynth.training.config import HubConfig

logger = logging.getLogger(__name__)

NOT_PUSHED = ("optimizer-*", "masters.*", "random.*", "state.json", "average.*", "manifest.json")
_PREFIX = ".push-"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a push."""

    step: int
    status: Literal["pushed", "failed", "unfinished"]
    reason: str = ""


class HubPush:
    """Pushes folders, the newest first."""

    def __init__(self, config: HubConfig, run: Path, api: Any = None) -> None:
        """`api` is an `HfApi`, or something that has its `create_repo` and `upload_folder`."""
        self._config, self._run, self._api = config, run, api or HfApi()
        self._next: queue.Queue[tuple[int, Path] | None] = queue.Queue(1)
        self._outcomes: queue.Queue[Outcome] = queue.Queue()
        self._current: int | None = None
        self._seen = 0
        for left in run.glob(f"{_PREFIX}*"):  # of a run that was killed
            shutil.rmtree(left)
        self._thread = threading.Thread(target=self._work, name="hub-push", daemon=True)
        self._thread.start()

    def offer(self, checkpoint: Path, step: int, *, last: bool) -> None:
        """Push a checkpoint if it is its turn, or the last; never waits for the network.

        Raises:
            OSError: its files cannot be linked or copied.
        """
        self._seen += 1
        if not last and self._seen % self._config.every:
            return
        folder = self._run / f"{_PREFIX}{step}"
        shutil.copytree(
            checkpoint, folder, copy_function=_link, ignore=shutil.ignore_patterns(*NOT_PUSHED), dirs_exist_ok=True
        )
        self._drop_waiting()
        self._next.put((step, folder))

    def outcomes(self) -> list[Outcome]:
        """Return what became known since last time."""
        found: list[Outcome] = []
        while not self._outcomes.empty():
            found.append(self._outcomes.get())
        return found

    def close(self) -> None:
        """Let what is on its way arrive, but not for longer than the settings say."""
        try:
            self._next.put(None, timeout=self._config.wait_seconds)
            self._thread.join(self._config.wait_seconds)
        except queue.Full:
            pass
        if self._thread.is_alive():
            reason = f"it took longer than {self._config.wait_seconds:g} seconds"
            self._outcomes.put(Outcome(self._current or 0, "unfinished", reason))

    def _drop_waiting(self) -> None:
        try:
            waiting = self._next.get_nowait()
        except queue.Empty:
            return
        if waiting:
            shutil.rmtree(waiting[1], ignore_errors=True)

    def _work(self) -> None:
        while (job := self._next.get()) is not None:
            self._current, folder = job
            self._outcomes.put(self._push(self._current, folder))
            shutil.rmtree(folder, ignore_errors=True)

    def _push(self, step: int, folder: Path) -> Outcome:
        repository = self._config.repository
        try:
            self._api.create_repo(repository, private=self._config.private, exist_ok=True)
            self._api.upload_folder(repo_id=repository, folder_path=folder, commit_message=f"Step {step}")
        except Exception as error:  # noqa: BLE001  (anything may come out of the network, and none of it may end the run)
            reason = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
            logger.warning("pushing step %d to %s failed: %s; training goes on", step, repository, reason)
            return Outcome(step, "failed", reason)
        return Outcome(step, "pushed")


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, target)
