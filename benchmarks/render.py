"""Pages per second per core: DeepSynth's text engine beside its peers, on the same text, interleaved in one run.

    python benchmarks/render.py [--pages 40] [--texts FOLDER] [--scale 100000] [--out results.json]

CPU time of one process on pages that it never saw, median of the rounds; each round brings new pages, and the share of words
that are new is printed. English is the manual of the Python language, which every Python carries. `--texts` names a folder of
UTF-8 files (`fa.txt`, `ta.txt`, `zh.txt`, ...) whose names are language codes: each is drawn beside Pillow with Raqm, given
the right font by hand. Peers: Pillow drawing line by line in gray; the same in RGB saved as PNG at level 6, as plain scripts
do; ReportLab making a PDF that PDFium draws. `--scale N` draws N pages with one renderer and prints cost and memory on the
way; `--processes` compares one process with two.
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import multiprocessing
import random
import re
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from importlib.resources import as_file, files
from pathlib import Path
from pydoc_data.topics import topics

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from deepsynth.core.documents import Document
from deepsynth.rendering.config import RenderConfig
from deepsynth.rendering.fonts import font_stack
from deepsynth.rendering.png import encode_png
from deepsynth.rendering.text import TextRenderer

SIZE, PX, MARGIN, CHARACTERS = 1024, 18, 16, 3000
ROUNDS = 3
SYLLABLES = "ta re ni mo la ser vic ton pre dis con age ful ing ber lo qua mer sol ven".split()  # noqa: SIM905


def cut_pages(text: str, characters: int = CHARACTERS) -> list[str]:
    """Return a text as pages of running text."""
    running = re.sub(r"\s+", " ", text)
    return [running[start : start + characters] for start in range(0, len(running) - characters, characters)]


def made_up(pages: int) -> list[str]:
    """Return pages of words that hardly ever recur."""
    generator = random.Random(0)
    word = lambda: "".join(generator.choices(SYLLABLES, k=generator.randint(2, 4)))  # noqa: E731
    return [" ".join(word() for _ in range(CHARACTERS // 8)) for _ in range(pages)]


def renderer(language: str = "und") -> Callable[[str], Image.Image]:
    """Return our own side, its fonts opened."""
    text_renderer = TextRenderer(RenderConfig(mode="base", px=PX, margin=MARGIN, missing="drop"))
    draw = lambda text: next(text_renderer.render(Document(id="d", text=text, language=language))).image  # noqa: E731
    draw("x")
    return draw


def draw_pillow(text: str, font: ImageFont.FreeTypeFont, mode: str, *, spaced: bool = True) -> Image.Image:
    """Draw a page line by line: each word measured once, one call a line."""
    page = Image.new(mode, (SIZE, SIZE), "white")
    draw = ImageDraw.Draw(page)
    blank = draw.textlength(" ", font=font) if spaced else 0.0
    y, x, line = MARGIN, 0.0, list[str]()
    for word in [*(text.split() if spaced else text), None]:
        width = 0.0 if word is None else draw.textlength(word, font=font)
        if word is None or (line and x + width > SIZE - 2 * MARGIN):
            draw.text((MARGIN, y), (" " if spaced else "").join(line), font=font, fill="black")
            y, x, line = y + round(PX * 1.2), 0.0, []
        line.append(word or "")
        x += width + blank
    return page


def encode_pillow(page: Image.Image) -> bytes:
    """Encode a page as Pillow does without being asked for anything."""
    target = io.BytesIO()
    page.save(target, "PNG")
    return target.getvalue()


def draw_reportlab(text: str) -> Image.Image:
    """Draw a page through PDF: ReportLab lays it out, PDFium rasterizes it."""
    import pypdfium2 as pdfium
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.platypus import Paragraph, SimpleDocTemplate

    target = io.BytesIO()
    document = SimpleDocTemplate(target, pagesize=(SIZE, SIZE), margin=MARGIN)
    style = ParagraphStyle("body", fontName="Helvetica", fontSize=PX, leading=PX * 1.2)
    document.build([Paragraph(text.replace("&", "&amp;").replace("<", "&lt;"), style)])
    pdf = pdfium.PdfDocument(target.getvalue())
    image = pdf[0].render(scale=1, grayscale=True).to_pil()
    pdf.close()
    return image


def milliseconds(work: Callable[[str], object], texts: list[str]) -> float:
    """Return the CPU time of `work` a text."""
    began = time.process_time()
    for text in texts:
        work(text)
    return 1000 * (time.process_time() - began) / len(texts)


def interleaved(sides: dict[str, Callable[[str], object]], pages: list[str], count: int) -> dict[str, float]:
    """Return the median milliseconds of each side, with other pages each round."""
    found: dict[str, list[float]] = {name: [] for name in sides}
    size = max(1, min(count, len(pages) // ROUNDS))
    for start in range(0, size * ROUNDS, size):
        for name, work in sides.items():
            slower = name.startswith(
                ("Pillow", "ReportLab")
            )  # a few pages tell what theirs cost: no cache of theirs fills
            found[name].append(milliseconds(work, pages[start : start + size][: 8 if slower else None]))
    return {name: statistics.median(values) for name, values in found.items()}


def new_words(pages: list[str]) -> float:
    """Return the share of words that no earlier page had."""
    words = " ".join(pages).split()
    return len(set(words)) / len(words)


def face(language: str, text: str, layout: ImageFont.Layout) -> ImageFont.FreeTypeFont:
    """Return the face that draws most of a text, as somebody would choose it by hand."""
    stack = font_stack("mono", language)
    codes = np.frombuffer(re.sub(r"\s", "", text).encode("utf-32-le"), np.uint32)
    source = stack.sources[int(np.bincount(stack.table[codes]).argmax())]
    with as_file(files(source.package) / source.file) as path:
        return ImageFont.truetype(str(path), PX, index=source.index, layout_engine=layout)


def english(count: int) -> dict[str, float]:
    """Measure Latin text and print it."""
    pages = cut_pages("\n".join(topics.values()))
    # words are kept by language, so sides of different codes do not teach one another
    font, ours, warm = face("en", pages[0], ImageFont.Layout.BASIC), renderer("en"), renderer("en-GB")
    for page in pages:
        warm(page)
    stored = renderer("en-AU")
    figures = interleaved(
        {
            "DeepSynth": ours,
            "DeepSynth, all words known": warm,
            "DeepSynth, PNG of 4 bits": lambda text: encode_png(stored(text)),
            "Pillow, gray": lambda text: draw_pillow(text, font, "L"),
            "Pillow, RGB, PNG": lambda text: encode_pillow(draw_pillow(text, font, "RGB")),
            "ReportLab, PDFium": draw_reportlab,
        },
        pages,
        count,
    )
    rare = renderer("en-CA")
    figures["DeepSynth, made-up words"] = milliseconds(rare, made_up(count))
    print(f"English, {len(pages)} pages, {new_words(pages):.0%} of the words new")
    pillow = figures["Pillow, gray"]
    for name, value in figures.items():
        print(f"  {name:26} {value:7.2f} ms/page  {1000 / value:6.0f} pages/s  {pillow / value:5.1f} times Pillow")
    print(
        f"  with PNG: {figures['Pillow, RGB, PNG'] / figures['DeepSynth, PNG of 4 bits']:.1f} times Pillow in RGB with PNG"
    )
    image = ours(pages[0])
    figures["PNG alone"] = milliseconds(lambda _: encode_png(image), [""] * 20)
    print(f"  PNG alone {figures['PNG alone']:.2f} ms, {len(encode_png(image)) / 1024:.0f} KiB; ", end="")
    target = io.BytesIO()
    webp = milliseconds(lambda _: image.save(io.BytesIO(), "WEBP", lossless=True, method=0), [""] * 3)
    image.save(target, "WEBP", lossless=True, method=0)
    print(f"lossless WebP {webp:.2f} ms, {target.tell() / 1024:.0f} KiB")
    return figures


def script(path: Path, count: int) -> dict[str, float]:
    """Measure one language beside Pillow with Raqm and print it."""
    language, spaced = path.stem, path.stem not in ("zh", "ja", "th")
    pages = cut_pages(path.read_text(encoding="utf-8"), CHARACTERS if spaced else 2000)
    font = face(language, pages[0], ImageFont.Layout.RAQM)
    sides = {"DeepSynth": renderer(language), "Pillow, Raqm": lambda text: draw_pillow(text, font, "L", spaced=spaced)}
    figures = interleaved(sides, pages, count)
    ours, theirs = figures.values()
    print(
        f"{language}: {ours:.2f} ms, Pillow with Raqm {theirs:.2f} ms: {theirs / ours:.1f} times ({len(pages)} pages)"
    )
    return figures


def scale(total: int) -> None:
    """Draw many pages with one renderer; print the cost since the last line and the peak memory."""
    draw, pages = renderer(), itertools.cycle(cut_pages("\n".join(topics.values())) + made_up(400))
    done, began = 0, time.process_time()
    for step in itertools.takewhile(lambda n: n <= total, itertools.chain([1], _steps(total))):
        for page in itertools.islice(pages, step - done):
            draw(page)
        cost = 1000 * (time.process_time() - began) / (step - done)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"  page {step:>7}: {cost:6.2f} ms/page, peak {peak:.0f} MiB", flush=True)
        done, began = step, time.process_time()


def _steps(total: int) -> Iterator[int]:
    return (
        int(10**power) * factor
        for power in range(1, len(str(total)))
        for factor in (1, 3)
        if 10**power * factor <= total
    )


def _work(pages: list[str]) -> None:
    draw = renderer()
    for page in pages:
        draw(page)


def processes(count: int) -> tuple[float, float]:
    """Return how many times as fast two processes are as one on the wall clock, and what share of their work is no extra.

    The first counts fonts and start, and means nothing where other programs take the cores; the second is the processor time
    of one process over that of two with the same pages.
    """
    pages = (cut_pages("\n".join(topics.values())) * 40)[: count * 80]
    seconds: list[float] = []
    work: list[float] = []
    for number in (1, 2):
        began, spent = time.monotonic(), _children()
        workers = [
            multiprocessing.get_context("spawn").Process(target=_work, args=(pages[n::number],)) for n in range(number)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        seconds.append(time.monotonic() - began)
        work.append(_children() - spent)
    return seconds[0] / seconds[1], work[0] / work[1]


def _children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Measure, print and, when asked, save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=40)
    parser.add_argument("--texts", type=Path)
    parser.add_argument("--scale", type=int)
    parser.add_argument("--processes", action="store_true")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    if arguments.scale:
        scale(arguments.scale)
        return
    found = {"en": english(arguments.pages)}
    for path in sorted(arguments.texts.glob("*.txt")) if arguments.texts else ():
        found[path.stem] = script(path, arguments.pages)
    if arguments.processes:
        faster, efficiency = processes(arguments.pages)
        print(f"two processes are {faster:.2f} times as fast as one; processor time of one over both {efficiency:.2f}")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")
    if arguments.out:
        arguments.out.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
