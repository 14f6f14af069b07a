"""The `web` verb: imports the web application inside the call, so that a missing extra gives a sentence."""

from __future__ import annotations

from deepsynth.core.progress import Reporter
from deepsynth.web.config import WebConfig, from_environment


def run(config: WebConfig, reporter: Reporter) -> None:
    """Serve until stopped, with flags over the environment; see `deepsynth.web.__main__.serve` for what is refused."""
    from deepsynth.web.__main__ import serve

    serve(from_environment(given=config))
