"""Pages per second per core: DeepSynth's text engine beside Pillow, on the same text, interleaved in one run.

    python benchmarks/render.py [--pages 60] [--out benchmarks/results/render.json]

Sides: (a) Pillow drawing line by line on a gray page, the font loaded once; (b) Pillow as plain scripts use it, on an RGB page
saved as PNG at level 6. CPU time of one process, median over rounds; the texts are new each round unless "warm" is said.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import resource
import statistics
import time
from importlib.resources import as_file, files
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from deepsynth.core.documents import Document
from deepsynth.rendering.config import RenderConfig
from deepsynth.rendering.png import encode_png
from deepsynth.rendering.text import TextRenderer

SIZE, PX, MARGIN, CHARACTERS = 1024, 18, 16, 3000
ROUNDS = 4
SYLLABLES = "ta re ni mo la ser vic ton pre dis con age ful ing ber lo qua mer sol ven".split()  # noqa: SIM905


def make_text(seed: int) -> str:
    """Return about 3,000 characters of made-up words: common ones often, rare ones once, as in prose."""
    generator = random.Random(seed)
    common = ["".join(generator.choices(SYLLABLES, k=generator.randint(1, 3))) for _ in range(300)]
    words: list[str] = []
    while sum(map(len, words)) + len(words) < CHARACTERS:
        rare = "".join(generator.choices(SYLLABLES, k=generator.randint(2, 4)))
        words.append(rare if generator.random() < 0.15 else generator.choice(common))
    return " ".join(words)


def draw_pillow(text: str, font: ImageFont.FreeTypeFont, mode: str) -> Image.Image:
    """Draw a page as scripts do: wrap by measured width, one call a line."""
    page = Image.new(mode, (SIZE, SIZE), "white")
    draw = ImageDraw.Draw(page)
    y, line = MARGIN, ""
    for word in text.split():
        wider = f"{line} {word}".strip()
        if draw.textlength(wider, font=font) > SIZE - 2 * MARGIN:
            draw.text((MARGIN, y), line, font=font, fill="black")
            y, line = y + round(PX * 1.2), word
        else:
            line = wider
    draw.text((MARGIN, y), line, font=font, fill="black")
    return page


def encode_pillow(page: Image.Image) -> bytes:
    """Encode a page as Pillow does without being asked for anything."""
    target = io.BytesIO()
    page.save(target, "PNG")
    return target.getvalue()


def milliseconds(work, texts: list[str]) -> float:
    """Return the CPU time of `work` a text."""
    began = time.process_time()
    for text in texts:
        work(text)
    return 1000 * (time.process_time() - began) / len(texts)


def main() -> None:
    """Measure, print and, when asked, save."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=60)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    with as_file(files("deepsynth.rendering.faces") / "DejaVuSansMono.ttf") as path:
        font = ImageFont.truetype(path, PX, layout_engine=ImageFont.Layout.BASIC)
    renderer = TextRenderer(RenderConfig(mode="base", px=PX, margin=MARGIN))

    def ours(text: str) -> Image.Image:
        return next(renderer.render(Document(id="d", text=text))).image

    sides = {
        "DeepSynth": ours,
        "DeepSynth, PNG of 4 bits": lambda text: encode_png(ours(text)),
        "Pillow, gray": lambda text: draw_pillow(text, font, "L"),
        "Pillow, RGB, PNG": lambda text: encode_pillow(draw_pillow(text, font, "RGB")),
    }
    found: dict[str, list[float]] = {name: [] for name in [*sides, "DeepSynth, warm"]}
    for number in range(ROUNDS):
        texts = [make_text(number * arguments.pages + page) for page in range(arguments.pages)]
        for name, work in sides.items():
            found[name].append(milliseconds(work, texts))
        found["DeepSynth, warm"].append(milliseconds(ours, texts))
    figures = {name: statistics.median(values) for name, values in found.items()}
    for name, value in figures.items():
        print(f"{name:26} {value:7.2f} ms/page  {1000 / value:7.0f} pages/s per core")
    print(f"render: {figures['Pillow, gray'] / figures['DeepSynth']:.1f} times Pillow (new texts), ", end="")
    print(f"{figures['Pillow, gray'] / figures['DeepSynth, warm']:.1f} times (warm)")
    print(f"with PNG: {figures['Pillow, RGB, PNG'] / figures['DeepSynth, PNG of 4 bits']:.1f} times Pillow RGB and PNG")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")
    if arguments.out:
        arguments.out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
