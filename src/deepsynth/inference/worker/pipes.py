"""A child's end of the conversation: frames in from standard input, frames out to what was standard output."""

from __future__ import annotations

import os
import signal
import sys
from typing import BinaryIO

from deepsynth.inference.worker.frames import Frame


def take_over() -> tuple[BinaryIO, BinaryIO]:
    """Return input and output for frames; whatever else prints to standard output goes to standard error from now on.

    Ctrl-C in a terminal reaches children too: it is ignored, since they end when the parent closes their input.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    source, target = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(sys.stderr.fileno(), 1)
    return source, target


def put(target: BinaryIO, frame: Frame) -> None:
    """Write a message."""
    target.write(frame.pack())
    target.flush()
