from __future__ import annotations

import pickle
from dataclasses import fields, replace

import pytest
import torch

from deepsynth.core.processor import IGNORED
from deepsynth.data.batch import Batch


def make_batch() -> Batch:
    return Batch(
        input_ids=torch.tensor([[5, 6, 7], [8, 9, 0]]),
        attention_mask=torch.tensor([[1, 1, 1], [1, 1, 0]]),
        labels=torch.tensor([[IGNORED, 6, 7], [IGNORED, 9, IGNORED]]),
        image_token_mask=torch.zeros(2, 3, dtype=torch.bool),
        global_views=torch.zeros(3, 3, 4, 4, dtype=torch.uint8),
        tiles=torch.zeros(2, 3, 2, 2, dtype=torch.uint8),
        grids=[(1, 1), (1, 2), (1, 1)],
        page_counts=torch.tensor([1, 2]),
        num_label_tokens=3,
        ids=("a", "b"),
    )


def test_the_mapping_has_exactly_the_fields() -> None:
    batch = make_batch()
    assert list(batch.as_mapping()) == [field.name for field in fields(Batch)]
    assert batch.as_mapping()["input_ids"] is batch.input_ids
    assert len(batch) == 2


def test_moving_keeps_bytes_and_plain_values() -> None:
    moved = make_batch().to("meta")
    assert moved.input_ids.device.type == moved.tiles.device.type == "meta"  # pyright: ignore[reportOptionalMemberAccess]
    assert moved.global_views.dtype == torch.uint8
    assert (moved.ids, moved.num_label_tokens, moved.grids) == (("a", "b"), 3, [(1, 1), (1, 2), (1, 1)])


def test_a_batch_without_tiles_moves_too() -> None:
    assert replace(make_batch(), tiles=None, grids=[(1, 1)] * 3).to("cpu").tiles is None


def test_a_batch_crosses_processes() -> None:
    batch = make_batch()
    copy = pickle.loads(pickle.dumps(batch))
    assert torch.equal(copy.labels, batch.labels)
    assert copy.ids == batch.ids


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": torch.zeros(2, 4, dtype=torch.int64)}, "labels has shape"),
        ({"ids": ("a",)}, "input_ids has shape"),
        ({"page_counts": torch.tensor([1, 1])}, "counts"),
        ({"grids": [(1, 1), (1, 1)]}, "3 pages and 2 grids"),
        ({"tiles": None}, "need 2 tiles"),
    ],
)
def test_parts_that_do_not_fit_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(make_batch(), **change)  # pyright: ignore[reportArgumentType]
