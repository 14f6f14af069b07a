import asyncio
import time

import pytest

from deepsynth.core.errors import InputError
from deepsynth.inference.refusals import TooLargeError
from deepsynth.inference.worker.drawer import Drawer
from deepsynth.inference.worker.drawing_process import DrawLimits
from deepsynth.rendering.config import RenderConfig

RENDERING = RenderConfig(mode="nano-128")


def run(work, **settings):
    async def all_of_it():
        drawer = Drawer(DrawLimits(), **settings)
        try:
            return await work(drawer)
        finally:
            await drawer.close()

    return asyncio.run(all_of_it())


def test_documents_are_drawn_and_a_broken_one_harms_no_other():
    async def work(drawer):
        good = await drawer.draw("a", [("text", b"The lamp")], RENDERING)
        with pytest.raises(InputError, match=r"document-1\.pdf cannot be opened"):
            await drawer.draw("b", [("pdf", b"%PDF-1.7 broken")], RENDERING)
        again = await drawer.draw("c", [("text", b"The lamp")], RENDERING)
        assert drawer.waiting == 0
        return good, again

    good, again = run(work)
    assert good.pages[0].image.tobytes() == again.pages[0].image.tobytes()
    assert (good.id, good.text) == ("a", "The lamp")


def test_a_document_that_takes_too_long_is_given_up_and_its_process_replaced():
    async def work(drawer):
        began = time.monotonic()
        with pytest.raises(TooLargeError, match=r"longer than 0\.001 seconds"):
            await drawer.draw("a", [("text", b"lamp " * 200_000)], RENDERING)
        drawer._seconds = 60.0
        assert time.monotonic() - began < 60
        return await drawer.draw("b", [("text", b"The lamp")], RENDERING)

    assert len(run(work, seconds=0.001).pages) == 1


def test_a_process_that_died_while_free_is_replaced_unnoticed():
    async def work(drawer):
        await drawer.draw("a", [("text", b"The lamp")], RENDERING)
        child = drawer._free.get_nowait()
        child.kill()
        await child.wait()
        drawer._free.put_nowait(child)
        return await drawer.draw("b", [("text", b"The lamp")], RENDERING)

    assert run(work).id == "b"
