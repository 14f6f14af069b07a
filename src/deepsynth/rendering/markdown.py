"""Markdown to pages: headings, lists, quotes, code, tables and emphasis, on the same engine as plain text.

markdown-it-py reads the source (CommonMark and tables); its tokens become paragraphs with styles. Each drawn character keeps
the place it has in the source, found by walking through the source once, so pages know which part of the file they hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from markdown_it import MarkdownIt
from markdown_it.token import Token

from deepsynth.rendering.blocks import Block
from deepsynth.rendering.config import RenderConfig
from deepsynth.rendering.renderer import renderers
from deepsynth.rendering.shaping import Style
from deepsynth.rendering.text import TextRenderer

HEADING_SCALES = (1.6, 1.4, 1.2, 1.1, 1.0, 1.0)
INDENT = 1.5
"""Ems by which lists, quotes and code are set in."""
SPACE = 0.4
"""Ems above a paragraph."""
CELL_GAP = "  "


@dataclass(slots=True)
class _State:
    """Where the walk through the tokens is."""

    source: str
    position: int = 0
    depth: float = 0.0
    bullets: list[int | None] = field(default_factory=list[int | None])
    """One entry for each open list: the next number, or none for bullets."""
    bullet: str = ""
    heading: int = 0


def markdown_blocks(source: str) -> Iterator[Block]:
    """Yield the paragraphs of a Markdown text; the last one ends where the source ends."""
    state = _State(source)
    pending: Block | None = None
    for block in _walk(MarkdownIt("commonmark").enable("table").parse(source), state):
        if pending is not None:  # what lies between two blocks (markup, blanks) belongs to the first
            yield replace(pending, end=block.start)
            pending = block
        else:
            pending = replace(block, start=0, offsets=[0, *(block.offsets or ())[1:]])
    if pending is not None:
        yield replace(pending, end=len(source))
    elif source:
        yield Block(source.replace("\n", " "), 0, len(source))


def _walk(tokens: list[Token], state: _State) -> Iterator[Block]:
    table: list[list[Token]] = []
    in_table = False
    for token in tokens:
        if token.type == "table_open":
            in_table, table = True, []
        elif token.type == "table_close":
            in_table = False
            yield from _table(table, state)
        elif in_table:
            if token.type == "tr_open":
                table.append([])
            elif token.type == "inline":
                table[-1].append(token)
        elif token.type == "inline":
            yield from _inline(token, state)
        elif token.type in ("fence", "code_block"):
            yield from _code(token.content, state)
        elif token.type == "hr":
            yield _block("———", (), state, token_map=token.map)
        else:
            _enter_or_leave(token, state)


def _enter_or_leave(token: Token, state: _State) -> None:
    if token.type == "heading_open":
        state.heading = int(token.tag[1])
    elif token.type == "heading_close":
        state.heading = 0
    elif token.type in ("bullet_list_open", "ordered_list_open", "blockquote_open"):
        state.depth += INDENT
        if token.type != "blockquote_open":
            state.bullets.append(int(token.attrGet("start") or 1) if token.type == "ordered_list_open" else None)
    elif token.type in ("bullet_list_close", "ordered_list_close", "blockquote_close"):
        state.depth -= INDENT
        if token.type != "blockquote_close":
            state.bullets.pop()
    elif token.type == "list_item_open" and state.bullets:
        number = state.bullets[-1]
        state.bullet = "•" if number is None else f"{number}."
        if number is not None:
            state.bullets[-1] = number + 1


def _inline(token: Token, state: _State) -> Iterator[Block]:
    """Yield the paragraphs of inline text; hard line breaks end one."""
    text, styles = "", list[tuple[int, Style]]()
    bold = italic = 0
    for child in token.children or []:
        if child.type in ("strong_open", "strong_close"):
            bold += 1 if child.type == "strong_open" else -1
        elif child.type in ("em_open", "em_close"):
            italic += 1 if child.type == "em_open" else -1
        elif child.type == "hardbreak":
            yield _block(text, tuple(styles), state)
            text, styles = "", []
        else:
            piece = " " if child.type == "softbreak" else child.content
            text += piece
            styles.append(
                (len(text), _style(state, bold=bold > 0, italic=italic > 0, mono=child.type == "code_inline"))
            )
    if text:
        yield _block(text, tuple(styles), state)


def _style(state: _State, *, bold: bool, italic: bool, mono: bool) -> Style:
    scale = HEADING_SCALES[state.heading - 1] if state.heading else 1.0
    return Style(bold=bold or state.heading > 0, italic=italic, mono=mono, scale=scale)


def _code(content: str, state: _State) -> Iterator[Block]:
    state.depth += INDENT
    for number, line in enumerate(content.rstrip("\n").split("\n")):
        yield _block(line, ((len(line), Style(mono=True)),), state, space=SPACE if number == 0 else 0.0)
    state.depth -= INDENT


def _table(rows: list[list[Token]], state: _State) -> Iterator[Block]:
    """Yield a table as lines of aligned columns in the mono face, the head in bold."""
    cells = [["".join(child.content for child in cell.children or []) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=False)]
    for number, row in enumerate(cells):
        line = CELL_GAP.join(text.ljust(width) for text, width in zip(row, widths, strict=False)).rstrip()
        style = Style(mono=True, bold=number == 0)
        yield _block(line, ((len(line), style),), state, space=SPACE if number == 0 else 0.0)


def _block(
    text: str,
    styles: tuple[tuple[int, Style], ...],
    state: _State,
    *,
    space: float = SPACE,
    token_map: list[int] | None = None,
) -> Block:
    offsets = _find(text, state)
    if token_map is not None and not offsets:
        state.position = max(state.position, _line_start(state.source, token_map[0]))
    start = offsets[0] if offsets else state.position
    block = Block(
        text.replace("\n", " "),
        start,
        state.position,
        styles=styles,
        indent=state.depth,
        bullet=state.bullet,
        space=space,
        offsets=offsets,
    )
    state.bullet = ""
    return block


def _find(text: str, state: _State) -> list[int]:
    """Return where each character of `text` stands in the source, going forward only; what is not found stays put."""
    offsets: list[int] = []
    for character in text:
        limit = state.position + 200 if offsets else len(state.source)
        found = state.source.find(character, state.position, limit) if not character.isspace() else -1
        if found >= 0:
            state.position = found + 1
            offsets.append(found)
        else:
            offsets.append(state.position)
    return offsets


def _line_start(source: str, line: int) -> int:
    position = 0
    for _ in range(line):
        found = source.find("\n", position)
        if found < 0:
            return len(source)
        position = found + 1
    return position


def _make(config: RenderConfig) -> TextRenderer:
    return TextRenderer(config, markdown_blocks)


renderers.register("markdown")(_make)
