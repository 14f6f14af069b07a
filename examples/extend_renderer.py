"""A renderer of your own: a table of comma-separated values becomes pages, a line for each row.

In a package of yours an entry point makes it known:

    [project.entry-points."deepsynth.renderers"]
    csv = "your_package.csv_pages:CsvRenderer"

Documents say which renderer they need by `meta["kind"]`; files of a known ending need not.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import replace

from deepsynth.core.documents import Document, Page
from deepsynth.core.errors import InputError
from deepsynth.rendering.config import RenderConfig
from deepsynth.rendering.renderer import make_renderer, renderers


@renderers.register("csv")
class CsvRenderer:
    """Hands the rows, joined by bars, to the renderer of plain text: shaping, fonts and spans are the same."""

    def __init__(self, config: RenderConfig) -> None:
        self._text = make_renderer(config)

    def render(self, document: Document) -> Iterator[Page]:
        """Yield the pages in order."""
        yield from self._text.render(self._lines(document))

    def count(self, document: Document) -> int:
        """Return how many pages there would be."""
        return self._text.count(self._lines(document))

    def _lines(self, document: Document) -> Document:
        if document.text is None:
            raise InputError(f"document {document.id!r}: give the table as text")
        rows = list(csv.reader(io.StringIO(document.text)))
        lines = "\n".join(" | ".join(row) for row in rows)
        return replace(document, text=lines, meta={"kind": "text"})
