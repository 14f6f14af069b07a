from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from deepsynth.core.documents import Example
from deepsynth.core.errors import InputError
from deepsynth.core.progress import SilentReporter
from deepsynth.data.config import CacheConfig
from deepsynth.models import families, save_model
from deepsynth.training.encoding import Wanted, fill_cache, open_cache, views_of
from deepsynth.training.examples import cache_key


def filled(config, rows, **settings):
    cache = open_cache(config, settings.pop("model", "tiny"))
    count = fill_cache(
        cache, config, "tiny", [Wanted(examples=rows, indices=range(len(rows)))], mode="nano-128",
        reporter=SilentReporter(), **settings,
    )  # fmt: skip
    return cache, count


@pytest.fixture
def config(tmp_path):
    return CacheConfig(folder=tmp_path, precision="float32")


def test_each_page_is_encoded_once(config, rows):
    cache, count = filled(config, rows)
    assert count == len(cache) == 8
    assert filled(config, rows)[1] == 0


@pytest.mark.parametrize("features", ["encoder", "projected"])
def test_what_is_kept_is_what_the_model_makes_of_the_page(config, rows, features):
    cache, _ = filled(config.override({"features": features}), rows)
    loaded = families.get("deepseek_ocr").build("tiny")
    (view,) = views_of(rows, 3, "nano-128")
    pixels = torch.from_numpy(view.global_view.copy()).permute(2, 0, 1)[None].contiguous()
    with torch.no_grad():
        (expected,) = loaded.family.encode_pages(loaded.model.eval(), pixels, None, [(1, 1)])
        (page,) = cache.read(cache_key(rows, 3, "nano-128"))
        found = page.features
        if features == "encoder":
            (found,) = loaded.family.encode_pages(loaded.model, found[None], None, [(1, 1)])
    torch.testing.assert_close(found, expected)
    assert page.tokens == len(expected) == view.tokens


def test_workers_draw_the_same(config, rows, tmp_path):
    one, _ = filled(config, rows)
    two, _ = filled(config.override({"folder": tmp_path / "two"}), rows, workers=1)
    keys = [cache_key(rows, index, "nano-128") for index in range(8)]
    assert all(torch.equal(one.read(key)[0].features, two.read(key)[0].features) for key in keys)


def test_processes_share_the_work_though_each_looks_after_the_last_one_wrote(config, rows):
    counts = [filled(config, Slice(rows), process=number, processes=3)[1] for number in range(3)]
    assert sum(counts) == 8
    assert max(counts) < 8
    assert filled(config, rows)[1] == 0


class Slice:
    def __init__(self, rows) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index):
        return self.rows[index]


def test_a_folder_of_another_encoder_is_another_one(config, rows, tmp_path):
    folders = {open_cache(config, "tiny").folder}
    for seed in (0, 1):
        loaded = families.get("deepseek_ocr").build("tiny", seed=seed)
        save_model(loaded, tmp_path / f"model-{seed}")
        folders.add(open_cache(config, str(tmp_path / f"model-{seed}")).folder)
    folders.add(open_cache(config.override({"features": "projected"}), "tiny").folder)
    assert len(folders) == 4


def test_a_row_without_pages_is_named(config, rows):
    text = replace(rows[0], id="bare", pages=())
    assert isinstance(text, Example)
    with pytest.raises(InputError, match="'bare' has no page"):
        filled(config, [text])
