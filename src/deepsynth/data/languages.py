"""Which language a text is in, told by py3langid (naive Bayes over byte sequences; its model is data, not code)."""

from __future__ import annotations

import functools
from typing import Any

LONGEST = 2000
"""Characters that are looked at: more change nothing and cost time."""
SHORTEST = 200
"""Shorter texts are too often mistaken."""
SURE = 0.99
"""Probability from which a finding counts."""

_KIN = (
    {"bs", "hr", "sr", "sh"},
    {"da", "nb", "nn", "no"},
    {"id", "ms"},
    {"zh", "yue", "wuu"},
    {"gl", "pt"},
    {"cs", "sk"},
    {"af", "nl"},
)
"""Languages that are written so alike that taking one for the other proves nothing."""


def detect(text: str) -> str | None:
    """Return the ISO 639 code of the language of `text`, or none when it is short or the finding is not sure."""
    if len(text) < SHORTEST:
        return None
    language, probability = _identifier().classify(text[:LONGEST])
    return language if probability >= SURE and language != "zxx" else None


def contradicts(text: str, language: str) -> str | None:
    """Return the language that `text` is clearly in although it is said to be in `language` (BCP 47), or none."""
    said = language.split("-")[0].lower()
    if said == "und" or (said not in _identifier().labels and said not in {"nb", "sh"}):
        return None
    found = detect(text)
    if found is None or found == said or any({found, said} <= kin for kin in _KIN):
        return None
    return found


@functools.cache
def _identifier() -> Any:
    """Load the model when it is first needed: it takes a second and 100 MB."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
