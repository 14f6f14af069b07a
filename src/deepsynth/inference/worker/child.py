"""A child process that is spoken to in frames over its standard input and output."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import Self

from deepsynth.inference.worker.frames import Frame, receive_frame

END_SECONDS = 2.0
"""How long a child may take to end by itself once its input is closed."""


class Child:
    """A running `python -m MODULE`; made by `start`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None and process.stdout is not None
        self._process, self._input, self._output = process, process.stdin, process.stdout
        self._sending = asyncio.Lock()

    @classmethod
    async def start(cls, module: str) -> Self:
        """Start a module of ours under the same interpreter."""
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", module, stdin=pipe, stdout=pipe)
        return cls(process)

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.returncode is None

    async def send(self, frame: Frame) -> None:
        """Write a message; waits while the child does not read.

        Raises:
            ConnectionError: the child has ended.
        """
        async with self._sending:
            self._input.write(frame.pack())
            await self._input.drain()

    async def receive(self) -> Frame | None:
        """Return the next message, or none when the child has ended."""
        return await receive_frame(self._output)

    def kill(self) -> None:
        """End it at once."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def close(self) -> None:
        """Let it end by closing its input; kill it if it does not."""
        self._input.close()
        try:
            async with asyncio.timeout(END_SECONDS):
                await self._process.wait()
        except TimeoutError:
            self.kill()
            await self._process.wait()

    async def wait(self) -> int:
        """Return the exit code once it has ended."""
        return await self._process.wait()
