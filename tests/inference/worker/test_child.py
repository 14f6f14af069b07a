import asyncio

from deepsynth.inference.worker.child import Child
from deepsynth.inference.worker.frames import Frame

DRAWING = "deepsynth.inference.worker.drawing_process"


def test_a_child_ends_when_its_input_is_closed_and_at_once_when_killed(monkeypatch):
    monkeypatch.setattr("deepsynth.inference.worker.child.END_SECONDS", 60.0)  # it may still be importing

    async def run():
        child = await Child.start(DRAWING)
        assert child.alive and child.pid > 0
        await child.send(Frame(header={"limits": {}}))
        await child.close()
        ended = await child.wait()
        other = await Child.start(DRAWING)
        other.kill()
        assert await other.receive() is None
        killed = await other.wait()
        other.kill()
        return ended, killed

    assert asyncio.run(run()) == (0, -9)
