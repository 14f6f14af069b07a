"""Pages of uploaded files, drawn in a process that may take little.

Files can ask for absurd things: 318 bytes of PDF for 40,000 x 40,000 pixels. The confined process has limits on memory, time
and files, and its answer is a PNG or one line of words.
"""

from __future__ import annotations

import contextlib
import io
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from deepsynth.core.errors import DeepSynthError, InputError
from deepsynth.web.errors import UnknownThingError

MEMORY_BYTES = 2 * 2**30
SECONDS = 20
MOST_PIXELS = 25_000_000
MOST_PAGES = 2000
_MODULE = "deepsynth.web.confined"


def draw_page(file: Path, number: int, width: int) -> bytes:
    """Return a page of a PDF or a picture as PNG, at most `width` pixels wide.

    Raises:
        InputError: the file cannot be drawn, or asks for too much.
        UnknownThingError: it has no such page.
    """
    answer = _confined("draw", str(file), str(number), str(width))
    if answer.returncode == 3:
        raise UnknownThingError(answer.stderr.decode("utf-8", "replace").strip()[-300:])
    return answer.stdout


def count_pages(file: Path) -> int:
    """Return the number of pages of a PDF or a picture.

    Raises:
        InputError: the file cannot be read, or has too many pages.
    """
    return int(_confined("count", str(file)).stdout)


def _confined(*words: str) -> subprocess.CompletedProcess[bytes]:
    environment = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LANG") if name in os.environ}
    try:
        answer = subprocess.run(
            [sys.executable, "-m", _MODULE, *words],
            capture_output=True,
            check=False,
            timeout=SECONDS + 10,
            env=environment,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        raise InputError(f"the file takes more than {SECONDS} seconds to draw") from None
    if answer.returncode in (0, 3):
        return answer
    if answer.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        raise InputError(f"the file takes more than {SECONDS} seconds to draw")
    last = answer.stderr.decode("utf-8", "replace").strip().splitlines()
    raise InputError(last[-1][-300:] if last else "the file cannot be drawn")


def main(words: list[str]) -> int:
    """Draw or count under limits; the process of `draw_page` and `count_pages`."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    what, file, *rest = words
    try:
        if what == "count":
            sys.stdout.write(str(count_here(Path(file))))
        else:
            sys.stdout.buffer.write(draw_here(Path(file), int(rest[0]), int(rest[1])))
    except UnknownThingError as error:
        sys.stderr.write(str(error))
        return 3
    except (DeepSynthError, MemoryError, OSError, ValueError) as error:
        sys.stderr.write(str(error) or "the file asks for more memory than it may have")
        return 2
    return 0


def count_here(file: Path) -> int:
    """Return the number of pages.

    Raises:
        InputError: it cannot be read, or there are too many.
    """
    if file.suffix != ".pdf":
        return 1
    with _opened_pdf(file) as document:
        count = len(document)
    if count > MOST_PAGES:
        raise InputError(f"the PDF has {count} pages; at most {MOST_PAGES} are shown")
    return count


def draw_here(file: Path, number: int, width: int) -> bytes:
    """Return a page as PNG (see `draw_page`)."""
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = MOST_PIXELS // 2  # Pillow raises at twice this
    picture = _pdf_page(file, number, width) if file.suffix == ".pdf" else _picture(file, number)
    picture.thumbnail((width, MOST_PIXELS // width))
    target = io.BytesIO()
    picture.convert("RGB").save(target, "PNG")
    return target.getvalue()


def _picture(file: Path, number: int) -> Any:
    from PIL import Image, UnidentifiedImageError

    if number:
        raise UnknownThingError("a picture has page 0 alone")
    try:
        return Image.open(file)
    except (UnidentifiedImageError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InputError(f"the picture cannot be drawn: {error}; save it again as PNG or JPEG") from None


def _pdf_page(file: Path, number: int, width: int) -> Any:
    with _opened_pdf(file) as document:
        if not 0 <= number < len(document):
            raise UnknownThingError(f"the PDF has {len(document)} pages, counted from 0")
        page = document[number]
        wide, high = page.get_size()
        if not wide or not high or (width / wide) * high * width > MOST_PIXELS:
            raise InputError(f"the page measures {wide:.0f} x {high:.0f} points, too many pixels at this width")
        return page.render(scale=width / wide).to_pil()


def _opened_pdf(file: Path) -> Any:
    import pypdfium2  # pyright: ignore[reportMissingTypeStubs]

    try:
        return contextlib.closing(pypdfium2.PdfDocument(file))
    except pypdfium2.PdfiumError as error:
        raise InputError(
            f"the PDF cannot be read: {str(error).rstrip('.')}; save it again, without a password"
        ) from None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
