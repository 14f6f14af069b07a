"""Builds the command line from the catalog and runs one verb.

Only the named verb's settings are imported, so `deepsynth --help` stays fast and free of torch. Precedence: defaults,
then `--preset`, then `--config FILE`, then flags; each layer holds only what its author wrote.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from typing import Any

import cyclopts
from pydantic import ValidationError
from rich.console import Console

from deepsynth import __version__
from deepsynth.cli.command import make_command, with_bare_groups
from deepsynth.core.config import describe_validation_error
from deepsynth.core.errors import DeepSynthError
from deepsynth.core.verbosity import log_level
from deepsynth.workflows.catalog import CATALOG

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells expect (128 + SIGINT)."""


def build_app(verb: str | None) -> cyclopts.App:
    """Return the application; only `verb` gets its flags, the others their line of help."""
    app = cyclopts.App(
        name="deepsynth",
        version=__version__,
        help="Summarize documents through pictures: pages become visual tokens, a decoder writes the summary.",
        help_format="plaintext",
        help_epilogue="Exit codes: 0 done, 1 the work failed, 2 a mistake in what was given, 75 paused (run it again).",
    )
    for row in CATALOG:
        command = cyclopts.App(name=row.name, help=row.help, help_format="plaintext")
        if row.name == verb:
            command.default(make_command(row))
        app.command(command)
    return app


def main(argv: Sequence[str] | None = None) -> int:
    """Run `deepsynth` with `argv` and return its exit code; mistakes give one line on stderr, never a traceback."""
    tokens = list(sys.argv[1:] if argv is None else argv)
    try:
        logging.basicConfig(level=log_level(), format="%(levelname)s: %(message)s")
        app = build_app(tokens[0] if tokens else None)
        verb = next((row for row in CATALOG if tokens and row.name == tokens[0]), None)
        tokens = tokens if verb is None else with_bare_groups(verb, tokens)
        app(tokens, exit_on_error=False, print_error=False, result_action="return_value")
    except DeepSynthError as error:
        return _fail(str(error), error.exit_code)
    except cyclopts.CycloptsError as error:
        return _fail(_one_line(error), 2)
    except KeyboardInterrupt:
        return _fail("stopped", INTERRUPTED)
    except BrokenPipeError:  # the reader of our output went away, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return 0


def _fail(message: str, code: int) -> int:
    Console(stderr=True, soft_wrap=True, highlight=False).print(f"error: {message}", markup=False)
    return code


def _one_line(error: cyclopts.CycloptsError) -> str:
    cause: Any = error.__cause__
    if isinstance(cause, ValidationError):
        return describe_validation_error(cause)
    return " ".join(str(error).split())


if __name__ == "__main__":
    sys.exit(main())
