"""Runs on the cache of visual tokens: the same numbers, and no encoder."""

from __future__ import annotations

import pytest
import torch

from deepsynth.core.control import Control
from deepsynth.core.errors import InputError, Paused
from deepsynth.models import load_model, save_model
from deepsynth.training import encoding
from deepsynth.training.deepsynth_lora_trainer import DeepSynthLoRATrainer
from deepsynth.training.production_trainer import DeepSynthProductionTrainer
from deepsynth.training.tuning import load_base, load_trained, save_merged


@pytest.fixture
def cached(config, tmp_path):
    """Settings of a run on a cache in float32, which changes no number."""
    return config.override(
        {"cache": {"folder": tmp_path / "cache", "precision": "float32"}, "output_dir": tmp_path / "cached"}
    )


@pytest.fixture
def no_encoder(monkeypatch):
    """A function after whose call nothing may run the encoder, or load it."""

    def forbid():
        def refuse(*_args, **_keywords):
            raise AssertionError("the encoder is used")

        monkeypatch.setattr("deepsynth.models.reading.encode_views", refuse)
        monkeypatch.setattr(encoding, "encode_views", refuse)
        monkeypatch.setattr(encoding, "_Encoder", refuse)

    return forbid


def trained(config, rows, watched=None, kind=DeepSynthProductionTrainer):
    trainer = kind(config)
    trainer.train(rows, watched)
    return trainer


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"freeze": ["sam", "clip", "projector"], "cache": {"features": "projected"}},
        {"batching": "packed", "gradient_accumulation_steps": 2},
        {"augmentation": {}, "cache": {"variants": 3}},
    ],
    ids=["projector-learns", "projected", "packed", "augmented"],
)
def test_the_losses_and_weights_are_those_without_the_cache(config, cached, rows, settings):
    plain = trained(config.override({name: value for name, value in settings.items() if name != "cache"}), rows)
    trainer = trained(cached.override(settings), rows)
    assert trainer.losses == pytest.approx(plain.losses, rel=1e-4)
    expected = plain.loaded.model.state_dict()
    found = trainer.loaded.model.state_dict()
    assert not any("vision_tower" in name for name in found)
    for name, value in found.items():
        torch.testing.assert_close(value, expected[name], msg=name, rtol=1e-2, atol=2e-4)


def test_a_second_run_neither_loads_the_encoder_nor_draws_a_page(cached, rows, no_encoder, tmp_path, monkeypatch):
    """From a model folder: the files of the encoder are hashed, and only then left alone."""
    base = load_base(cached.override({"cache": None}))
    save_model(base, tmp_path / "base")
    cached = cached.override({"model": str(tmp_path / "base")})
    first = trained(cached, rows, rows)
    no_encoder()
    loads = []
    original = type(base.family).load

    def load(self, folder, **keywords):
        loads.append(keywords["without"])
        return original(self, folder, **keywords)

    monkeypatch.setattr(type(base.family), "load", load)
    second = trained(cached.override({"output_dir": tmp_path / "second"}), rows, rows)
    assert loads == ["encoder"]
    assert second.losses == first.losses
    assert not any("vision_tower" in name for name, _ in second.loaded.model.named_parameters())


def test_a_checkpoint_is_a_whole_model_all_the_same(config, cached, rows):
    whole = load_model(trained(cached, rows).config.output_dir / "checkpoint-6").model.state_dict()
    base = load_base(config).model.state_dict()
    assert whole.keys() == base.keys()
    encoder = [name for name in base if "vision_tower" in name]
    assert encoder
    assert all(torch.equal(whole[name], base[name]) for name in encoder)


def test_adapters_learn_on_the_cache_and_merge_into_a_whole_model(cached, rows, tmp_path):
    config = cached.override({"lora": {"rank": 4}, "cache": {"features": "projected"}})
    trainer = trained(config, rows, kind=DeepSynthLoRATrainer)
    assert not any("vision_tower" in name for name, _ in trainer.loaded.model.named_parameters())
    merged = save_merged(config.output_dir / "checkpoint-6", tmp_path / "merged")
    assert any("vision_tower" in name for name in load_model(merged).model.state_dict())
    assert load_trained(config.output_dir / "checkpoint-6").model.model.vision_tower.sam_encoder is not None
    trainer.save_merged(tmp_path / "again")
    assert load_model(tmp_path / "again").model.state_dict().keys() == load_model(merged).model.state_dict().keys()


def test_only_what_a_run_will_read_is_encoded(cached, rows, tmp_path):
    short = cached.override({"batch_size": 2, "max_steps": 2})
    trainer = trained(short, rows)
    assert len(trainer.cache) == 4
    longer = trained(short.override({"max_steps": 4, "output_dir": tmp_path / "longer"}), rows)
    assert len(longer.cache) == 8
    assert len(list(longer.cache.folder.glob("pages-*"))) == 2


class PauseAfter(Control):
    def __init__(self, looks: int) -> None:
        super().__init__()
        self.left = looks

    def should_pause(self) -> bool:
        self.left -= 1
        return self.left < 0


def test_a_pause_while_encoding_keeps_what_is_done_and_goes_on_there(cached, rows, tmp_path):
    with pytest.raises(Paused, match="paused after encoding 3 of 8 documents"):
        DeepSynthProductionTrainer(cached, control=PauseAfter(3)).train(rows)
    trainer = DeepSynthProductionTrainer(cached)
    assert len(trainer.cache) == 3
    trainer.train(rows)
    assert len(trainer.cache) == 8
    elsewhere = cached.override({"cache": {"folder": tmp_path / "elsewhere"}, "output_dir": tmp_path / "unbroken"})
    assert trainer.losses == trained(elsewhere, rows).losses


def test_augmented_pages_take_turns(cached, rows):
    values = {"augmentation": {"rotation_degrees": 5.0}, "cache": {"variants": 2}, "max_steps": 8}
    trainer = trained(cached.override(values), rows)
    assert len(trainer.cache) == 16


def test_pages_that_are_drawn_otherwise_today_are_noticed(cached, rows, monkeypatch, tmp_path):
    trained(cached, rows)
    monkeypatch.setattr(encoding, "hash_views", lambda _views: "other")
    with pytest.raises(InputError, match="no longer drawn as it was"):
        trained(cached.override({"output_dir": tmp_path / "other"}), rows)


@pytest.mark.parametrize(("precision", "most"), [("bfloat16", 0.01), ("int8", 0.05)])
def test_fewer_bits_change_the_loss_little(config, cached, rows, precision, most):
    plain = trained(config, rows)
    trainer = trained(cached.override({"cache": {"precision": precision}}), rows)
    assert trainer.losses == pytest.approx(plain.losses, rel=most)
    assert trainer.losses != plain.losses
