"""The `render` verb: documents become page pictures, or a plan of what they would cost in every mode."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepsynth.core.config import Config
from deepsynth.core.documents import Document, Page, Progress
from deepsynth.core.errors import InputError
from deepsynth.core.files import new_folder, write_bytes, write_json
from deepsynth.core.geometry import mode
from deepsynth.core.progress import Reporter
from deepsynth.rendering.config import RenderConfig
from deepsynth.rendering.contact_sheet import contact_sheet
from deepsynth.rendering.markdown import markdown_blocks
from deepsynth.rendering.planner import CHARACTERS_PER_TOKEN, estimate_tokens, plan_all, plan_table
from deepsynth.rendering.png import encode_png
from deepsynth.rendering.renderer import document_kind, make_renderer
from deepsynth.rendering.text import TextRenderer


class RenderJobConfig(Config):
    """What is drawn, and where the pages go."""

    files: tuple[Path, ...] = ()
    """Text, Markdown, PDF or image files."""
    out: Path = Path("runs/pages")
    """Folder of the pages, contact.png and pages.json; it is replaced."""
    language: str = "und"
    """Language code of the texts; decides line breaks and regional letter forms."""
    plan: bool = False
    """Draw nothing; print pages, visual tokens, compression and legibility for every mode."""
    rendering: RenderConfig = RenderConfig()
    """How pages are drawn."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RenderResult:
    """What was drawn, in words."""

    text: str
    pages: int

    def describe(self) -> str:
        """Return it."""
        return self.text


def run(config: RenderJobConfig, reporter: Reporter) -> RenderResult:
    """Draw or plan files.

    Raises:
        InputError: no file was named, or one cannot be drawn; names it.
        StorageError: the disk refused.
    """
    if not config.files:
        raise InputError("name at least one file to render", field="files")
    documents = [Document(id=path.name, path=path, language=config.language) for path in config.files]
    for document in documents:
        document_kind(document)
    return _plan(config, documents) if config.plan else _draw(config, documents, reporter)


def _plan(config: RenderJobConfig, documents: list[Document]) -> RenderResult:
    renderer = TextRenderer(config.rendering)
    parts: list[str] = []
    for document in documents:
        if document_kind(document) not in ("text", "markdown"):
            raise InputError(f"{document.path} has no text to plan with; plans are made for text and Markdown")
        blocks = markdown_blocks if document_kind(document) == "markdown" else None
        plans = plan_all(renderer.text(document), config.rendering, make_blocks=blocks)
        parts.append(f"{document.id}: {plans[0].text_tokens} text tokens (estimated)\n{plan_table(plans)}")
    note = f"Text tokens are estimated at {CHARACTERS_PER_TOKEN} characters each."
    return RenderResult(text="\n\n".join([*parts, note]), pages=0)


def _draw(config: RenderJobConfig, documents: list[Document], reporter: Reporter) -> RenderResult:
    renderer = make_renderer(config.rendering)
    facts: list[Mapping[str, Any]] = []
    shown: list[Page] = []
    with new_folder(config.out) as folder:
        for done, document in enumerate(documents):
            for page in renderer.render(document):
                name = f"{done:04}-{document.id}-{page.number:04}.png"
                write_bytes(folder / name, encode_png(page.image))
                facts.append(_facts(page, name, config.rendering))
                shown.append(page)
                reporter.progress(Progress(done=len(facts), total=None, message="drawing pages"))
        write_bytes(folder / "contact.png", encode_png(contact_sheet([page.image for page in shown]), bits=8))
        write_json(folder / "pages.json", {"rendering": config.rendering.model_dump(mode="json"), "pages": facts})
    tokens = sum(int(page["visual_tokens"]) for page in facts)
    text = f"drew {len(facts)} pages of {len(documents)} documents ({tokens} visual tokens) into {config.out}"
    return RenderResult(text=text, pages=len(facts))


def _facts(page: Page, name: str, rendering: RenderConfig) -> Mapping[str, Any]:
    page_mode = mode(rendering.mode)
    grid = page_mode.grid(*page.image.size)
    span = page.span
    return {
        "file": name,
        "document": page.document_id,
        "number": page.number,
        "characters": span,
        "text_tokens_estimated": estimate_tokens("x" * (span[1] - span[0])) if span else None,
        "visual_tokens": page_mode.tokens(grid),
        "grid": grid,
    }
