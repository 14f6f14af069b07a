import pytest

from deepsynth.core.errors import ModelError
from deepsynth.training.config import LoraConfig, TrainerConfig
from deepsynth.training.tuning import (
    FullTuning,
    LoraTuning,
    inject_adapters,
    load_base,
    load_trained,
    make_tuning,
    read_adapters,
    save_merged,
    write_adapters,
)

TINY = TrainerConfig(model="tiny")


def test_the_settings_choose_the_way_of_training():
    assert isinstance(make_tuning(TINY), FullTuning)
    assert isinstance(make_tuning(TINY.override({"lora": {}})), LoraTuning)


def test_full_tuning_freezes_the_parts_it_is_told_to():
    model = FullTuning().load(TINY.override({"freeze": ["head"]}), None, "cpu").model
    frozen = {name for name, value in model.named_parameters() if not value.requires_grad}
    assert frozen == {"lm_head.weight"}


def test_the_same_seed_gives_the_same_base():
    names = [
        str(load_base(TINY.override({"seed": seed})).model.state_dict()["lm_head.weight"].sum()) for seed in (1, 1, 2)
    ]
    assert names[0] == names[1] != names[2]


def test_adapters_never_touch_the_vision_encoder():
    loaded = load_base(TINY)
    inject_adapters(loaded, LoraConfig(targets="all-linear"))
    assert not [name for name, _ in loaded.model.model.vision_tower.named_parameters() if "lora" in name]


def test_adapters_cut_short_are_refused(tmp_path):
    loaded = load_base(TINY)
    inject_adapters(loaded, LoraConfig())
    write_adapters(loaded, LoraConfig(), tmp_path)
    (tmp_path / "adapter_model.safetensors").write_bytes(b"short")
    with pytest.raises(ModelError, match="cannot be read"):
        read_adapters(loaded, tmp_path)


def test_a_merged_checkpoint_is_a_model_folder(config, rows, tmp_path):
    from deepsynth.training.production_trainer import DeepSynthProductionTrainer

    DeepSynthProductionTrainer(config.override({"lora": {"rank": 2}})).train(rows)
    save_merged(config.output_dir / "checkpoint-6", tmp_path / "merged")
    merged = load_trained(tmp_path / "merged")
    assert merged.tokenizer is not None
    assert not [name for name, _ in merged.model.named_parameters() if "lora" in name]
