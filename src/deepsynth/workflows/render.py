"""The `render` verb: documents become page pictures, or a plan of what they would cost in every mode."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deepsynth.core.config import Config
from deepsynth.core.documents import Document, Page, Progress
from deepsynth.core.errors import InputError
from deepsynth.core.files import new_folder, write_bytes, write_json
from deepsynth.core.geometry import MODES, mode
from deepsynth.core.progress import Reporter
from deepsynth.rendering.choosing import Choice, choose
from deepsynth.rendering.config import PlanConfig, RenderConfig
from deepsynth.rendering.contact_sheet import MOST, contact_sheet
from deepsynth.rendering.costing import CHARACTERS_PER_TOKEN, estimate_tokens, plan_all, plan_table
from deepsynth.rendering.markdown import markdown_blocks
from deepsynth.rendering.png import encode_png
from deepsynth.rendering.renderer import DocumentRenderer, document_kind, make_renderer
from deepsynth.rendering.text import MakeBlocks, TextRenderer


class RenderJobConfig(Config):
    """What is drawn, and where the pages go."""

    files: tuple[Path, ...] = ()
    """Text, Markdown, PDF, Word, HTML or image files."""
    out: Path = Path("runs/pages")
    """Folder of the pages, contact.png and pages.json; it is replaced."""
    language: str = "und"
    """Language code of the texts; decides line breaks and regional letter forms."""
    plan: bool = False
    """Draw nothing; print pages, visual tokens, compression and legibility for every mode."""
    planning: PlanConfig = PlanConfig()
    """A compression or a budget of visual tokens to draw for; letters, columns and mode are then chosen to meet it."""
    tokenizer: Path | None = None
    """A model folder or tokenizer.json to count text tokens with; without it they are estimated."""
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


@dataclass(frozen=True, kw_only=True, slots=True)
class _Source:
    """A document whose text is known before it is drawn."""

    text: str
    blocks: MakeBlocks | None


def run(config: RenderJobConfig, reporter: Reporter) -> RenderResult:
    """Draw or plan files.

    Raises:
        InputError: no file was named, or one cannot be drawn or planned; names it.
        StorageError: the disk refused.
    """
    if not config.files:
        raise InputError("name at least one file to render", field="files")
    documents = [Document(id=path.name, path=path, language=config.language) for path in config.files]
    for document in documents:
        document_kind(document)
    count = _token_counter(config.tokenizer)
    if config.plan:
        return _plan(config, documents, count)
    return _draw(config, documents, count, reporter)


def _token_counter(path: Path | None) -> Callable[[str], int]:
    if path is None:
        return estimate_tokens
    from tokenizers import Tokenizer

    file = path / "tokenizer.json" if path.is_dir() else path
    if not file.is_file():
        raise InputError(f"no tokenizer at {file}; name a model folder or a tokenizer.json", field="tokenizer")
    try:
        tokenizer: Any = Tokenizer.from_file(str(file))
    except Exception as error:
        raise InputError(f"{file} is no tokenizer that can be read: {error}", field="tokenizer") from error
    return lambda text: max(1, len(tokenizer.encode(text, add_special_tokens=False).ids))


def _source(document: Document, rendering: RenderConfig) -> _Source:
    kind = document_kind(document)
    assert document.path is not None
    if kind == "office":
        from deepsynth.rendering.office import office_markdown

        document = Document(id=document.id, text=office_markdown(document.path), language=document.language)
    elif kind not in ("text", "markdown"):
        raise InputError(f"{document.path} has no text to plan with; plans are made for text, Markdown, Word and HTML")
    text = TextRenderer(rendering).text(document)
    return _Source(text=text, blocks=None if kind == "text" else markdown_blocks)


def _choose(config: RenderJobConfig, document: Document, count: Callable[[str], int], planning: PlanConfig) -> Choice:
    source = _source(document, config.rendering)
    return choose(source.text, config.rendering, planning, count, language=document.language, make_blocks=source.blocks)


def _plan(config: RenderJobConfig, documents: list[Document], count: Callable[[str], int]) -> RenderResult:
    parts: list[str] = []
    counted = "estimated" if config.tokenizer is None else "counted"
    for document in documents:
        source = _source(document, config.rendering)
        if config.planning.wished:
            plans = [choice.plan for choice in _choices(config, document, count)]
            chosen = _choose(config, document, count, config.planning).reason
        else:
            plans = plan_all(
                source.text, config.rendering, count, make_blocks=source.blocks, language=document.language
            )
            chosen = ""
        if not plans:
            raise InputError(f"{document.path} fits no mode as wished; allow more tokens", field="planning")
        head = f"{document.id}: {plans[0].text_tokens} text tokens ({counted})"
        parts.append("\n".join(line for line in (head, plan_table(plans), chosen and f"chosen for {chosen}") if line))
    note = (
        f"Text tokens are estimated at {CHARACTERS_PER_TOKEN} characters each for Latin text, fewer for other scripts."
    )
    return RenderResult(text="\n\n".join([*parts, *([note] if config.tokenizer is None else [])]), pages=0)


def _choices(config: RenderJobConfig, document: Document, count: Callable[[str], int]) -> Iterator[Choice]:
    """Yield what each mode makes of the wish, readable or not, where it can meet it at all."""
    for name in config.planning.modes or MODES:
        planning = config.planning.override({"modes": (name,), "too_small": "draw"})
        try:
            yield _choose(config, document, count, planning)
        except InputError:
            continue


def _draw(
    config: RenderJobConfig, documents: list[Document], count: Callable[[str], int], reporter: Reporter
) -> RenderResult:
    facts: list[Mapping[str, Any]] = []
    shown: list[Page] = []
    renderers, chosen = _renderers(config, documents, count, reporter)
    total = 0
    for number, (renderer, document) in enumerate(zip(renderers, documents, strict=True)):
        total += renderer.count(document)
        reporter.progress(Progress(done=number + 1, total=len(documents), message="counting pages"))
    with new_folder(config.out) as folder:
        for number, (renderer, document) in enumerate(zip(renderers, documents, strict=True)):
            text = _known_text(document, renderer.config)
            for page in renderer.render(document):
                name = f"{number:04}-{document.id}-{page.number:04}.png"
                write_bytes(folder / name, encode_png(page.image))
                facts.append(_facts(page, name, renderer.config, text, count))
                shown.extend([page] if len(shown) < MOST else [])
                reporter.progress(Progress(done=len(facts), total=total, message="drawing pages"))
        write_bytes(folder / "contact.png", encode_png(contact_sheet([page.image for page in shown]), bits=8))
        settings = {"rendering": config.rendering.model_dump(mode="json"), "chosen": chosen}
        counted = {"text_tokens": "estimated" if config.tokenizer is None else str(config.tokenizer)}
        write_json(folder / "pages.json", {**settings, **counted, "pages": facts})
    tokens = sum(int(page["visual_tokens"]) for page in facts)
    of = "1 document" if len(documents) == 1 else f"{len(documents)} documents"
    drawn = f"drew {len(facts)} pages of {of} ({tokens} visual tokens) into {config.out}"
    return RenderResult(text=drawn, pages=len(facts))


def _renderers(
    config: RenderJobConfig, documents: list[Document], count: Callable[[str], int], reporter: Reporter
) -> tuple[list[DocumentRenderer], Mapping[str, Any]]:
    """Return a renderer for each document, and what was chosen for which where something was wished."""
    if not config.planning.wished:
        return [make_renderer(config.rendering)] * len(documents), {}
    made: list[DocumentRenderer] = []
    chosen: dict[str, Any] = {}
    for document in documents:
        choice = _choose(config, document, count, config.planning)
        made.append(make_renderer(choice.rendering))
        chosen[document.id] = {"rendering": choice.rendering.model_dump(mode="json"), "reason": choice.reason}
        reporter.message(f"{document.id}: {choice.reason}")
    return made, chosen


def _known_text(document: Document, rendering: RenderConfig) -> str | None:
    kinds = ("text", "markdown", "office")
    return _source(document, rendering).text if document_kind(document) in kinds else None


def _facts(
    page: Page, name: str, rendering: RenderConfig, text: str | None, count: Callable[[str], int]
) -> Mapping[str, Any]:
    page_mode = mode(rendering.mode)
    grid = page_mode.grid(*page.image.size)
    tokens = count(text[slice(*page.span)]) if page.span and text is not None else None
    return {
        "file": name,
        "document": page.document_id,
        "number": page.number,
        "characters": page.span,
        "text_tokens": tokens,
        "visual_tokens": page_mode.tokens(grid),
        "nominal_visual_tokens": page_mode.nominal_tokens(grid),
        "compression": tokens and round(tokens / page_mode.tokens(grid), 3),
        "px": rendering.px,
        "grid": grid,
    }
