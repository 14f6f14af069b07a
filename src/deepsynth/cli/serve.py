"""The `web` verb: imports the web application inside the call, so that a missing extra gives a sentence."""

from __future__ import annotations

from deepsynth.core.progress import Reporter
from deepsynth.web.config import WebConfig


def run(config: WebConfig, reporter: Reporter) -> None:
    """Serve until stopped; see `deepsynth.web.__main__.serve` for what is refused."""
    from deepsynth.web.__main__ import serve

    reporter.message(f"Serving http://{config.host}:{config.port} - stop with Ctrl-C")
    serve(config)
