"""The server's own log: lines for people, or one JSON object a line for programs that collect logs. Never with a token."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import IO, Literal

from deepsynth.jobs.secrets import redact_text

LogFormat = Literal["text", "json"]


class JsonFormatter(logging.Formatter):
    """`{at, level, logger, message}`, and `error` with the trace where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of JSON."""
        values = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact_text(record.getMessage()),
        }
        if record.exc_info:
            values["error"] = redact_text(self.formatException(record.exc_info))
        return json.dumps(values, ensure_ascii=False)


class TextFormatter(logging.Formatter):
    """Level and message, as on the command line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as lines."""
        return redact_text(super().format(record))


def write_log(form: LogFormat, stream: IO[str] | None = None, level: str = "WARNING") -> None:
    """Let every logger of this process write to `stream` (standard error), in this form."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter("%(levelname)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
