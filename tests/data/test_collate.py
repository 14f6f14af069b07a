"""A processor small enough to check by hand: one id a character, one placeholder block a page."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from deepsynth.core.documents import EncodedPage, Example, Page
from deepsynth.core.errors import InputError, SettingsError
from deepsynth.core.geometry import NO_TILES, Mode
from deepsynth.core.processor import IGNORED, EncodedExample, PageViews
from deepsynth.data.collate import Collator

PAD, EOS, IMAGE = 0, 1, 2
PROMPT = 7 + 1  # a 64 px page of 32 px tokens costs 2 * 3 + 1 placeholders; the instruction is one character


class CharacterProcessor:
    """Prompt = placeholders of each page, then the instruction's code points; summary = code points, then EOS."""

    pad_token_id = PAD
    eos_token_id = EOS

    def __init__(self, mode: Mode) -> None:
        self.mode = mode

    def encode(self, example: Example, *, with_summary: bool = True, max_length: int | None = None) -> EncodedExample:
        views = tuple(self._views(page) for page in example.pages)
        images = sum(view.tokens for view in views)
        prompt = [IMAGE] * images + [ord(character) for character in example.instruction]
        if max_length is not None and len(prompt) > max_length:
            raise InputError(f"the prompt of {example.id!r} is longer than {max_length}")
        target = [*map(ord, example.summary or ""), EOS] if with_summary else []
        ids = (prompt + target)[:max_length]
        labels = ([IGNORED] * len(prompt) + target)[:max_length]
        mask = np.zeros(len(ids), dtype=bool)
        mask[:images] = True
        return EncodedExample(
            id=example.id, input_ids=np.array(ids), labels=np.array(labels), image_token_mask=mask, views=views
        )

    def decode(self, ids: np.ndarray | list[int]) -> str:
        return "".join(chr(item) for item in ids if item > IMAGE)

    def count_text_tokens(self, text: str) -> int:
        return len(text)

    def _views(self, page: Page) -> PageViews:
        image = page.image.convert("RGB")
        grid = self.mode.grid(*image.size)
        tiles = None
        if grid != NO_TILES:
            assert self.mode.tile is not None
            side, (columns, rows) = self.mode.tile, grid
            whole = np.asarray(image.resize((columns * side, rows * side)))
            tiles = np.stack(
                [
                    whole[r * side : (r + 1) * side, c * side : (c + 1) * side]
                    for r in range(rows)
                    for c in range(columns)
                ]
            )
        size = self.mode.size
        return PageViews(mode=self.mode, global_view=np.asarray(image.resize((size, size))), tiles=tiles, grid=grid)


@pytest.fixture
def processor() -> CharacterProcessor:
    return CharacterProcessor(Mode("fake", "v1", 64, token_px=32))


@pytest.fixture
def tiled_processor() -> CharacterProcessor:
    return CharacterProcessor(Mode("fake-tiles", "v1", 64, token_px=32, tile=32, max_tiles=4))


Color = tuple[int, int, int]


def make_example(
    name: str,
    summary: str | None = "ab",
    colors: tuple[Color, ...] = ((9, 8, 7),),
    size: tuple[int, int] = (64, 64),
) -> Example:
    images = [Image.new("RGB", size, color) for color in colors]
    pages = tuple(Page(document_id=name, number=number, image=image) for number, image in enumerate(images))
    return Example(id=name, pages=pages, instruction="?", summary=summary, text="text of " + name)


def test_shorter_examples_are_padded_on_the_right(processor: CharacterProcessor) -> None:
    batch = Collator(processor)([make_example("long", "abcd"), make_example("short", "a")])
    assert batch.input_ids.shape == (2, PROMPT + 5)
    assert batch.input_ids[1, PROMPT:].tolist() == [ord("a"), EOS, PAD, PAD, PAD]
    assert batch.labels[1].tolist() == [IGNORED] * PROMPT + [ord("a"), EOS] + [IGNORED] * 3
    assert batch.attention_mask[1].tolist() == [1] * (PROMPT + 2) + [0] * 3


def test_prompts_for_generation_end_together_on_the_right(processor: CharacterProcessor) -> None:
    two_pages = make_example("two", colors=((1, 1, 1), (2, 2, 2)))
    batch = Collator(processor, padding_side="left", with_summary=False)([two_pages, make_example("one")])
    assert batch.input_ids[:, -1].tolist() == [ord("?")] * 2
    assert batch.attention_mask[1].tolist() == [0] * 7 + [1] * PROMPT
    assert batch.image_token_mask[1].tolist() == [False] * 7 + [True] * 7 + [False]
    assert batch.num_label_tokens == 0


def test_pages_of_all_examples_are_stacked_in_order_with_channels_first(processor: CharacterProcessor) -> None:
    batch = Collator(processor)(
        [make_example("a", colors=((1, 2, 3), (4, 5, 6))), make_example("b", colors=((7, 8, 9),))]
    )
    assert batch.global_views.shape == (3, 3, 64, 64)
    assert batch.global_views.dtype == torch.uint8
    assert batch.global_views[:, :, 0, 0].tolist() == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    assert batch.page_counts.tolist() == [2, 1]
    assert batch.tiles is None


def test_tiles_follow_the_grids(tiled_processor: CharacterProcessor) -> None:
    tall = make_example("tall", size=(32, 64))
    small = make_example("small", size=(16, 16))
    batch = Collator(tiled_processor)([small, tall])
    assert batch.grids == [(1, 1), (1, 2)]
    assert batch.tiles is not None
    assert batch.tiles.shape == (2, 3, 32, 32)


def test_label_tokens_are_counted_as_the_shifted_loss_sees_them(processor: CharacterProcessor) -> None:
    examples = [make_example("a", "abc"), make_example("b", "x")]
    for side in ("right", "left"):
        batch = Collator(processor, padding_side=side)(examples)
        assert batch.num_label_tokens == (3 + 1) + (1 + 1) == int((batch.labels[:, 1:] != IGNORED).sum())


def test_a_label_at_the_first_position_is_no_target(processor: CharacterProcessor) -> None:
    bare = Example(id="bare", pages=(), text="t", instruction="", summary="abc")
    batch = Collator(processor)([bare])
    assert batch.labels[0].tolist() == [IGNORED, ord("b"), ord("c"), EOS]
    assert batch.num_label_tokens == 3


def test_a_batch_of_texts_has_no_pages(processor: CharacterProcessor) -> None:
    batch = Collator(processor)([Example(id="t", pages=(), text="words", summary="w")])
    assert batch.global_views.shape == (0, 3, 64, 64)
    assert batch.page_counts.tolist() == [0]
    assert not batch.image_token_mask.any()


def test_lengths_round_up_to_the_multiple(processor: CharacterProcessor) -> None:
    batch = Collator(processor, pad_to_multiple_of=16)([make_example("a", "abcd")])
    assert batch.input_ids.shape == (1, 16)


def test_the_longest_allowed_sequence_cuts_the_summary(processor: CharacterProcessor) -> None:
    batch = Collator(processor, max_length=PROMPT + 2)([make_example("a", "abcdef")])
    assert batch.labels[0, PROMPT:].tolist() == [ord("a"), ord("b")]


def test_an_empty_batch_is_refused(processor: CharacterProcessor) -> None:
    with pytest.raises(InputError, match="at least one"):
        Collator(processor)([])


@pytest.mark.parametrize("wrong", [{"padding_side": "middle"}, {"max_length": 0}, {"pad_to_multiple_of": -1}])
def test_settings_out_of_range_are_refused(processor: CharacterProcessor, wrong: dict[str, object]) -> None:
    with pytest.raises(SettingsError):
        Collator(processor, **wrong)  # pyright: ignore[reportArgumentType]


def test_packed_examples_lie_one_behind_the_other(processor: CharacterProcessor) -> None:
    batch = Collator(processor, padding_side="packed", pad_to_multiple_of=32)(
        [make_example("a", "ab"), make_example("b", "x")]
    )
    assert batch.packed_lengths == (PROMPT + 3, PROMPT + 2)
    assert batch.input_ids.shape == (1, 32)
    assert batch.input_ids[0, PROMPT : PROMPT + 3].tolist() == [ord("a"), ord("b"), EOS]
    assert batch.attention_mask.sum() == batch.num_tokens == 2 * PROMPT + 5
    assert batch.num_visual_tokens == 14
    assert batch.num_label_tokens == int((batch.labels[:, 1:] != IGNORED).sum()) == 5
    assert len(batch) == 2


def encoded(name: str, grid: tuple[int, int] = NO_TILES, view_tokens: int | None = None) -> Example:
    rows = 4 + 4 * (grid[0] * grid[1] if grid != NO_TILES else 0)
    features = torch.arange(rows, dtype=torch.float32)[:, None].expand(rows, 3)
    page = EncodedPage(grid=grid, tokens=7 if view_tokens is None else 9, features=features, view_tokens=view_tokens)
    return Example(id=name, pages=(), encoded_pages=(page,), summary="ab")


class EncodedProcessor(CharacterProcessor):
    def _views(self, page: EncodedPage) -> EncodedPage:
        return page

    def encode(self, example: Example, **settings) -> EncodedExample:
        return super().encode(replace(example, pages=example.encoded_pages, encoded_pages=()), **settings)


def test_projected_features_come_instead_of_pixels(processor: CharacterProcessor) -> None:
    batch = Collator(EncodedProcessor(processor.mode))([encoded("a"), encoded("b")])
    assert batch.page_features is not None
    assert [page.shape for page in batch.page_features] == [(4, 3), (4, 3)]
    assert len(batch.global_views) == 0
    assert batch.to("meta").page_features[0].device.type == "meta"  # pyright: ignore[reportOptionalSubscript]


def test_encoder_outputs_are_parted_into_views_and_tiles(processor: CharacterProcessor) -> None:
    batch = Collator(EncodedProcessor(processor.mode))([encoded("a", (2, 1), 4), encoded("b", view_tokens=4)])
    assert batch.page_features is None
    assert batch.global_views[:, :, 0].tolist() == [[0, 1, 2, 3]] * 2
    assert batch.tiles is not None
    assert batch.tiles[:, :, 0].tolist() == [[4, 5, 6, 7], [8, 9, 10, 11]]


def test_pictures_and_encoded_pages_do_not_mix(processor: CharacterProcessor) -> None:
    collate = Collator(EncodedProcessor(processor.mode))
    views = [*collate.processor.encode(encoded("a")).views, *processor.encode(make_example("b")).views]
    with pytest.raises(InputError, match="not both"):
        collate._pages(views)
