"""When writing ends beside EOS and length: the text goes round in a circle, or a text to stop at has come.

What is shown while the model still writes may never be taken back, so the end of the text is held back as long as the next
token could change it: blanks that might be the last, the bytes of half a character, the beginning of a stop text.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from deepsynth.inference.writing import Writing

HALF_CHARACTER = "\ufffd"


def is_looping(ids: Sequence[int], writing: Writing, allowed: Collection[int] = ()) -> bool:
    """Tell whether the text ends in the same run of tokens, as often in a row as the settings count as a loop.

    The run may have any length with which all repetitions fit the window. A loop of `allowed` tokens alone is none.
    """
    times = writing.repetition_times
    if not times or len(ids) < times * writing.repetition_ngram:
        return False
    for period in range(1, min(writing.repetition_window, len(ids)) // times + 1):
        if ids[-1] != ids[-1 - period]:
            continue
        span = times * max(period, writing.repetition_ngram)
        if span > min(len(ids), writing.repetition_window):
            continue
        tail = ids[len(ids) - span :]
        if all(tail[at] == tail[at + period] for at in range(span - period)):
            return not all(token in allowed for token in tail)
    return False


class TextStream:
    """The text of a row while it grows: what may be shown, and whether a stop text has come."""

    def __init__(self, decode: Callable[[list[int]], str], stop: Sequence[str] = ()) -> None:
        """`decode` gives the text of ids, special tokens left out."""
        self._decode, self._stop = decode, stop
        self._shown = 0
        self.stopped = False
        """Whether a stop text has come; `text` ends before it."""

    def feed(self, ids: list[int]) -> str:
        """Return what may be shown in addition, now that the row has these ids."""
        text = self._cut(self._decode(ids).lstrip())
        return self._show(text.rstrip() if self.stopped else text[: self._safe(text)])

    def finish(self, ids: list[int]) -> tuple[str, str]:
        """Return the rest to show, and the whole text: all that was ever shown joins to it."""
        text = self._cut(self._decode(ids).lstrip()).rstrip()
        return self._show(text), text

    def _cut(self, text: str) -> str:
        places = [at for stop in self._stop if (at := text.find(stop)) >= 0]
        self.stopped = bool(places)
        return text[: min(places)] if places else text

    def _safe(self, text: str) -> int:
        """Return how many characters no later token can change."""
        end = len(text.rstrip(HALF_CHARACTER).rstrip())
        for stop in self._stop:
            for length in range(min(len(stop) - 1, len(text)), 0, -1):
                if text.endswith(stop[:length]):
                    end = min(end, len(text[: len(text) - length].rstrip()))
                    break
        return end

    def _show(self, text: str) -> str:
        new = text[self._shown :]
        self._shown = max(self._shown, len(text))
        return new
