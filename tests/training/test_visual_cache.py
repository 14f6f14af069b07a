from __future__ import annotations

import errno
import json
import os

import pytest
import torch

from deepsynth.core.documents import EncodedPage
from deepsynth.core.errors import CheckpointError, InputError, StorageError
from deepsynth.training import visual_cache
from deepsynth.training.visual_cache import VisualCache, expand


def made(seed=0, rows=6, grid=(1, 1), view_tokens=None):
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(rows, 16, generator=generator)
    return EncodedPage(grid=grid, tokens=rows, features=features, view_tokens=view_tokens)


@pytest.fixture
def cache(tmp_path):
    return VisualCache(tmp_path / "cache", "float32")


def test_pages_come_back_with_their_grids_in_any_process(cache, tmp_path):
    pages = [made(1, grid=(2, 1), view_tokens=2), made(2)]
    cache.add("two", pages, ["p", "q"])
    assert "two" in cache
    cache.flush()
    again = VisualCache(tmp_path / "cache", "float32")
    found = again.read("two")
    assert [(page.grid, page.tokens, page.view_tokens) for page in found] == [((2, 1), 6, 2), ((1, 1), 6, None)]
    assert all(torch.equal(one.features, other.features) for one, other in zip(found, pages, strict=True))
    assert (again.pixels("two"), again.tokens("two"), len(again)) == (("p", "q"), 12, 1)


@pytest.mark.parametrize(("precision", "most"), [("bfloat16", 0.01), ("int8", 0.02)])
def test_fewer_bits_round_little(tmp_path, precision, most):
    cache, page = VisualCache(tmp_path, precision), made()
    cache.add("a", [page], ["p"])
    cache.flush()
    (found,) = cache.read("a")
    assert found.features.dtype == torch.bfloat16
    error = (found.features.float() - page.features).norm() / page.features.norm()
    assert 0 < error < most


def test_eight_bits_take_half_the_room_of_sixteen(tmp_path):
    sizes = []
    for precision in ("bfloat16", "int8"):
        cache = VisualCache(tmp_path / precision, precision)
        cache.add("a", [EncodedPage(grid=(1, 1), tokens=64, features=torch.randn(64, 1280))], ["p"])
        cache.flush()
        sizes.append(next((tmp_path / precision).glob("pages-*")).stat().st_size)
    assert sizes[1] < 0.52 * sizes[0]


def test_the_largest_number_of_a_row_keeps_its_value(tmp_path):
    stored, scale = visual_cache._compress(torch.tensor([[0.5, -2.0], [0.0, 0.0]]), "int8")
    assert expand(stored, scale)[0, 1] == -2.0
    assert expand(stored, scale)[1].tolist() == [0.0, 0.0]


def test_a_full_shard_is_written_by_itself(cache, monkeypatch):
    monkeypatch.setattr(visual_cache, "SHARD_BYTES", 2 * 6 * 16 * 4)
    for number in range(5):
        cache.add(str(number), [made(number)], ["p"])
    assert len(list(cache.folder.glob("pages-*"))) == 2
    cache.flush()
    assert len(list(cache.folder.glob("pages-*"))) == 3
    cache.flush()
    assert len(cache) == 5


def test_two_runs_fill_one_folder_without_a_lock(cache, tmp_path):
    other = VisualCache(tmp_path / "cache", "float32")
    cache.add("a", [made(1)], ["p"])
    other.add("a", [made(1)], ["p"])
    other.add("b", [made(2)], ["p"])
    cache.flush()
    other.flush()
    cache.refresh()
    assert torch.equal(cache.read("b")[0].features, made(2).features)
    assert torch.equal(other.read("a")[0].features, cache.read("a")[0].features)


def test_what_is_not_there_is_refused(cache):
    with pytest.raises(InputError, match="does not hold these pages"):
        cache.read("nothing")


def test_damaged_bytes_are_noticed_and_the_shard_named(cache, tmp_path):
    cache.add("a", [made(1)], ["p"])
    cache.flush()
    (path,) = cache.folder.glob("pages-*")
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=f"{path.name} is damaged; remove it"):
        VisualCache(tmp_path / "cache", "float32").read("a")


def test_a_shard_that_was_cut_short_is_noticed_when_the_cache_is_opened(cache, tmp_path):
    cache.add("a", [made(1)], ["p"])
    cache.flush()
    (path,) = cache.folder.glob("pages-*")
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(CheckpointError, match="is damaged"):
        VisualCache(tmp_path / "cache", "float32")


def test_a_full_disk_leaves_no_part_of_a_shard(cache, monkeypatch):
    def full(_handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    cache.folder.mkdir()
    cache.add("a", [made(1)], ["p"])
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="the disk is full"):
        cache.flush()
    assert list(cache.folder.iterdir()) == []


def test_the_folder_says_what_it_is(cache):
    cache.describe({"model": "nano"})
    cache.describe({"model": "other"})
    about = json.loads((cache.folder / "about.json").read_text())
    assert about == {"format": 1, "precision": "float32", "model": "nano"}
