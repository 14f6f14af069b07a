"""Which face draws which character: a table over all code points, made once, so that no engine searches a list of fonts.

Faces come from wheels under the SIL Open Font License and from `faces/` (DejaVu Sans Mono, free license); system fonts are
never read, because the same text must give the same page everywhere. A script with a face of its own always uses it; what
is left goes to the chosen Latin face, then to the faces that know much (CJK, symbols, emoji).
"""

from __future__ import annotations

import functools
import json
import unicodedata
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt

from deepsynth.core.errors import MissingExtraError, MissingGlyphError
from deepsynth.rendering.harfbuzz import hb
from deepsynth.rendering.normalize import INVISIBLE

NO_FACE = 255
"""In the table: no face has this code point."""

_NOTO, _CJK, _OWN = "manimgx_fonts", "noto_cjk_sans_otc", "deepsynth.rendering.faces"


@dataclass(frozen=True, slots=True)
class FaceSource:
    """Where a face lies, and the code points that are its own script."""

    name: str
    package: str
    file: str
    script: tuple[tuple[int, int], ...] = ()
    """Ranges of code points, ends included, for which this face goes before all others."""
    index: int = 0


def _noto(name: str, *script: tuple[int, int]) -> FaceSource:
    return FaceSource(f"Noto Sans {name}".strip(), _NOTO, f"NotoSans{name}[wght].ttf", script)


MONO = FaceSource("DejaVu Sans Mono", _OWN, "DejaVuSansMono.ttf")
SANS = _noto("")
PRIMARY = {
    "mono": MONO,
    "sans": SANS,
    "serif": FaceSource("Noto Serif", "fontpkg_noto_serif", "files/NotoSerif[wdth,wght].ttf"),
    "literata": FaceSource("Literata", "fontpkg_literata", "files/Literata[opsz,wght].ttf"),
    "inter": FaceSource("Inter", "fontpkg_inter", "files/Inter[opsz,wght].ttf"),
}
"""The face of Latin, Greek and Cyrillic by `RenderConfig.font`."""
EMOJI = FaceSource("Noto Emoji", _NOTO, "NotoEmoji[wght].ttf", ((0x1F000, 0x1FAFF), (0x1F1E6, 0x1F1FF)))
SCRIPTS = (
    _noto("Arabic", (0x600, 0x6FF), (0x750, 0x77F), (0x8A0, 0x8FF), (0xFB50, 0xFDFF), (0xFE70, 0xFEFE)),
    _noto("Armenian", (0x530, 0x58F), (0xFB13, 0xFB17)),
    _noto("Bengali", (0x980, 0x9FF)),
    _noto("Devanagari", (0x900, 0x97F), (0xA8E0, 0xA8FF), (0x1CD0, 0x1CFF)),
    _noto("Ethiopic", (0x1200, 0x139F), (0x2D80, 0x2DDF), (0xAB00, 0xAB2F)),
    _noto("Georgian", (0x10A0, 0x10FF), (0x1C90, 0x1CBF), (0x2D00, 0x2D2F)),
    _noto("Gujarati", (0xA80, 0xAFF)),
    _noto("Gurmukhi", (0xA00, 0xA7F)),
    _noto("Hebrew", (0x590, 0x5FF), (0xFB1D, 0xFB4F)),
    _noto("Kannada", (0xC80, 0xCFF)),
    _noto("Khmer", (0x1780, 0x17FF), (0x19E0, 0x19FF)),
    _noto("Lao", (0xE80, 0xEFF)),
    _noto("Malayalam", (0xD00, 0xD7F)),
    _noto("Myanmar", (0x1000, 0x109F), (0xA9E0, 0xA9FF), (0xAA60, 0xAA7F)),
    _noto("Oriya", (0xB00, 0xB7F)),
    _noto("Sinhala", (0xD80, 0xDFF)),
    _noto("Tamil", (0xB80, 0xBFF)),
    _noto("Telugu", (0xC00, 0xC7F)),
    _noto("Thai", (0xE00, 0xE7F)),
)
SYMBOLS = _noto("Symbols")
_CJK_INDEX = {"ja": 0, "ko": 1, "zh-tw": 3, "zh-hant": 3, "zh-hk": 4}


def cjk_source(language: str) -> FaceSource:
    """Return the regional face of Noto Sans CJK for a language code; Simplified Chinese where nothing is said."""
    code = language.lower()
    index = _CJK_INDEX.get(code, _CJK_INDEX.get(code.partition("-")[0], 2))
    script = (
        (0x2E80, 0x9FFF),
        (0xAC00, 0xD7AF),
        (0xF900, 0xFAFF),
        (0xFE30, 0xFE4F),
        (0xFF00, 0xFFEF),
        (0x20000, 0x3134F),
    )
    return FaceSource("Noto Sans CJK", _CJK, "NotoSansCJK-Regular.ttc", script, index)


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """An opened face; its own lengths are in units, `upem` to an em."""

    source: FaceSource
    font: Any
    upem: int
    glyph_count: int
    codepoints: npt.NDArray[np.int64]
    _inks: npt.NDArray[np.int64] = field(repr=False)

    def ink(self, glyphs: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return how far the ink of each glyph reaches above and below the baseline, in font units (below is negative).

        *Shape:* (glyphs,) to (2, glyphs).
        """
        found = self._inks.take(glyphs, axis=1)
        unknown = found[0] == _UNKNOWN_INK
        if unknown.any():
            for glyph in set(glyphs[unknown].tolist()):
                extents = self.font.get_glyph_extents(glyph)
                high = extents.y_bearing if extents else 0
                self._inks[:, glyph] = high, high + extents.height if extents else 0
            found = self._inks.take(glyphs, axis=1)
        return found


_UNKNOWN_INK = np.iinfo(np.int64).min


def open_face(source: FaceSource, *, bold: bool = False, italic: bool = False) -> Face:
    """Return a face, opened once a process; bold and italic are made from the regular outlines."""
    return _open_face(source, bold, italic)


@functools.cache
def _open_face(source: FaceSource, bold: bool, italic: bool) -> Face:  # noqa: FBT001 - the cache takes f(x=1) for another call
    try:
        blob = hb.Blob(files(source.package).joinpath(source.file).read_bytes())
    except ModuleNotFoundError as error:
        raise MissingExtraError(source.package.replace("_", "-"), "fonts") from error
    face = hb.Face(blob, source.index)
    font = hb.Font(face)
    if bold:
        font.synthetic_bold = (0.03, 0.0, False)
    if italic:
        font.synthetic_slant = 0.2
    unknown = np.full((2, face.glyph_count), _UNKNOWN_INK)
    return Face(source, font, face.upem, face.glyph_count, np.fromiter(face.unicodes, np.int64), unknown)


class FontStack:
    """The faces of one run of text, in a fixed order, and the table from code point to face."""

    def __init__(self, primary: FaceSource, language: str) -> None:
        """`primary` draws Latin, Greek and Cyrillic; `language` picks the regional CJK face."""
        others = [face for face in (MONO, SANS) if face is not primary]
        self.sources = (*SCRIPTS, EMOJI, SYMBOLS, cjk_source(language), *others, primary)
        self.table = np.full(0x110000, NO_FACE, np.uint8)  # later faces win, but for a script that has its own
        for number, source in enumerate(self.sources):
            self.table[open_face(source).codepoints] = number
        for number, source in enumerate(self.sources):
            known = open_face(source).codepoints
            for low, high in source.script:
                self.table[known[(known >= low) & (known <= high)]] = number
        self.table[[*INVISIBLE, 0x09, 0x0A, 0xFFFC]] = self.sources.index(primary)
        self.primary = self.sources.index(primary)
        self.draws_ascii = bool((self.table[0x20:0x7F] == self.primary).all())

    def covers(self, number: int, character: str) -> bool:
        """Tell whether face `number` draws `character`, whichever face the table prefers."""
        return ord(character) in _codepoint_set(self.sources[number])

    def face_of(self, text: str) -> int | None:
        """Return the face that the table has for all of `text`; none where it has several."""
        numbers = self.table[np.frombuffer(text.encode("utf-32-le"), np.uint32)].tobytes()
        return numbers[0] if numbers.count(numbers[0]) == len(numbers) else None

    def missing(self, text: str) -> list[str]:
        """Return the characters of `text` that no face draws, each once, in order."""
        codes = np.frombuffer(text.encode("utf-32-le"), np.uint32)
        return list(dict.fromkeys(chr(code) for code in codes[self.table[codes] == NO_FACE]))


@functools.cache
def _codepoint_set(source: FaceSource) -> frozenset[int]:
    return frozenset(open_face(source).codepoints.tolist())


@functools.cache
def font_stack(font: str, language: str) -> FontStack:
    """Return the stack for a `RenderConfig.font` and a language."""
    return FontStack(PRIMARY[font], language)


@functools.cache
def _elsewhere() -> dict[str, list[tuple[int, int]]]:
    return json.loads(files(_OWN).joinpath("elsewhere.json").read_text(encoding="utf-8"))


def package_with(character: str) -> str | None:
    """Return the Debian package whose fonts draw a character that ours do not (as of Debian 12), or none.

    `faces/elsewhere.json` holds the ranges of code points, read from the fonts of those packages.
    """
    code = ord(character)
    return next((name for name, spans in _elsewhere().items() if any(a <= code <= b for a, b in spans)), None)


def missing_glyph_error(document_id: str, text: str, missing: list[str]) -> MissingGlyphError:
    """Return the error that names the first missing character, where it stands, and what would help."""
    first = missing[0]
    kind = unicodedata.category(first)
    if kind in ("Co", "Cn"):
        what = "a private-use" if kind == "Co" else "an unassigned"
        remedy = f"it is {what} code point, which no font can know"
    else:
        package = package_with(first)
        remedy = f"Debian's package {package} has it" if package else "no font package that we know has it"
        remedy += ", the bundled fonts do not"
    name = unicodedata.name(first, "no name")
    others = len(missing) - 1
    more = f" (and for {others} other{'s' if others > 1 else ''})" if others else ""
    return MissingGlyphError(
        f"document {document_id!r}: no glyph for {first!r} (U+{ord(first):04X} {name}) at character"
        f" {text.index(first)}{more}; {remedy}; set missing to 'replace' or 'drop' to go on without it",
        field="missing",
    )
