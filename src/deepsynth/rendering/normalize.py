"""What happens to a text before it is drawn; the spans of pages refer to the result.

NFC; line ends of every kind become a line feed; control characters that draw nothing and mean nothing go; a lone surrogate,
which is no character at all, becomes U+FFFD. Nothing else changes: joiners, marks and directional controls stay.
"""

from __future__ import annotations

import re
import unicodedata

_LINE_ENDS = re.compile("\r\n|[\r\v\f\x1c\x1d\x1e\x85\u2028\u2029]")
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f\ufeff\ufff9-\ufffb]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_ANY = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufff9-\ufffb\ud800-\udfff]")
"""All of the above, to look once at a text that has none of them."""

INVISIBLE = frozenset(
    (
        *(0xAD, 0x34F, 0x61C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180E),
        *(*range(0x180B, 0x180E), *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070)),
        *(*range(0xFE00, 0xFE10), *range(0xE0000, 0xE1000)),
    )
)
"""Code points that draw nothing by themselves (default ignorable), so that no font need have them."""


def normalize_text(text: str) -> str:
    """Return `text` as pages hold it: the joined spans of all pages equal this, character by character."""
    cleaned = text
    if _ANY.search(text):
        cleaned = _SURROGATES.sub("\ufffd", _CONTROLS.sub("", _LINE_ENDS.sub("\n", text)))
    return cleaned if unicodedata.is_normalized("NFC", cleaned) else unicodedata.normalize("NFC", cleaned)
