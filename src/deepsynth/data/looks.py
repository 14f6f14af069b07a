"""Pages that do not all look alike: letters of other faces and sizes, chosen for each example and epoch.

The choice happens where text is drawn, so nothing is cut or blurred by it. A look with which a document would take more pages
than with the plain settings is left out, and no letter becomes too small to read that was not so before.
"""

from __future__ import annotations

from collections.abc import Iterator

from deepsynth.core.documents import Document, Page
from deepsynth.data.config import AugmentationConfig
from deepsynth.data.drawing import renderer_for
from deepsynth.data.tasks import generator_for
from deepsynth.rendering.config import RenderConfig
from deepsynth.rendering.costing import legibility_floor
from deepsynth.rendering.renderer import DocumentRenderer

STEP = 0.25
"""Sizes are whole multiples of this, so that few of them have to be rasterized."""
SMALLEST = 5.0
"""Pixels; the smallest size that settings allow."""


def varies_looks(config: AugmentationConfig | None) -> bool:
    """Tell whether text is to be drawn in more than one look."""
    return config is not None and (bool(config.fonts) or config.letter_size > 0)


class VariedRenderer:
    """Draws each document of text in a look of its own, the same whenever the same epoch draws it."""

    def __init__(self, rendering: RenderConfig, config: AugmentationConfig, *, seed: int = 0) -> None:
        self._plain, self._config, self._seed = rendering, config, seed
        self.epoch = 0

    def look(self, document: Document) -> RenderConfig:
        """Return the settings that a document is to be drawn with, if they cost no page more than the plain ones."""
        if document.text is None:
            return self._plain
        generator = generator_for(self._seed, self.epoch, document.id, "look")
        font = generator.choice((self._plain.font, *self._config.fonts))
        share = 1 + generator.uniform(-self._config.letter_size, self._config.letter_size)
        px = self._plain.px
        if self._config.letter_size:
            smallest = min(px, max(SMALLEST, legibility_floor(document.text, self._plain)))
            px = max(smallest, round(px * share / STEP) * STEP)
        return self._plain.override({"font": font, "px": px})

    def render(self, document: Document) -> Iterator[Page]:
        """Yield the pages."""
        return self._chosen(document).render(document)

    def count(self, document: Document) -> int:
        """Return how many pages there will be."""
        return self._chosen(document).count(document)

    def _chosen(self, document: Document) -> DocumentRenderer:
        plain, look = renderer_for(self._plain), self.look(document)
        if look == self._plain:
            return plain
        varied = renderer_for(look)
        return varied if varied.count(document) <= plain.count(document) else plain
