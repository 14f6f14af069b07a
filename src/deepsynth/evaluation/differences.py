"""Two texts beside each other, with what each holds alone marked."""

from __future__ import annotations

import difflib
import re

from markupsafe import Markup, escape

from deepsynth.evaluation.tokenizer import SINGLE_CHARACTERS

_PIECE = re.compile(rf"\s+|[{SINGLE_CHARACTERS}]|[^\s{SINGLE_CHARACTERS}]+")


def mark_differences(prediction: str, reference: str) -> tuple[Markup, Markup]:
    """Return both texts as HTML: `<ins>` around what only the prediction holds, `<del>` around what only the reference does.

    Words are compared in order and without regard to case; characters singly in scripts that write no blanks.
    """
    found, wanted = _PIECE.findall(prediction), _PIECE.findall(reference)
    matcher = difflib.SequenceMatcher(
        a=[piece.lower() if piece.strip() else " " for piece in found],
        b=[piece.lower() if piece.strip() else " " for piece in wanted],
        autojunk=False,
    )
    left: list[Markup] = []
    right: list[Markup] = []
    for kind, start, end, other_start, other_end in matcher.get_opcodes():
        mine, theirs = "".join(found[start:end]), "".join(wanted[other_start:other_end])
        left.append(escape(mine) if kind == "equal" else _marked("ins", mine))
        right.append(escape(theirs) if kind == "equal" else _marked("del", theirs))
    return Markup("").join(left), Markup("").join(right)


def _marked(tag: str, text: str) -> Markup:
    """Return `text` in a tag, blanks at its ends left outside; blanks alone are not marked."""
    inner = text.strip()
    if not inner:
        return escape(text)
    start = text.index(inner)
    return Markup("{}<{}>{}</{}>{}").format(text[:start], Markup(tag), inner, Markup(tag), text[start + len(inner) :])
