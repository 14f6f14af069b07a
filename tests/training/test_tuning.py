import pytest
import torch
from transformers.models.deepseek_ocr2 import DeepseekOcr2Config, DeepseekOcr2ForConditionalGeneration
from transformers.models.unlimited_ocr import UnlimitedOcrConfig, UnlimitedOcrForConditionalGeneration

from deepsynth.core.errors import ModelError, SettingsError
from deepsynth.models import families
from deepsynth.training.config import LoraConfig, TrainerConfig
from deepsynth.training.merging import merge_adapters
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
STOCK = {
    "deepseek_ocr": (UnlimitedOcrConfig, UnlimitedOcrForConditionalGeneration),
    "deepseek_ocr2": (DeepseekOcr2Config, DeepseekOcr2ForConditionalGeneration),
}
"""What a program that does not know DeepSynth loads each family with."""


def tiny_model(family):
    return families.get(family).build("tiny", seed=3)


def stock_model(family):
    """The same weights in transformers' own class."""
    loaded = tiny_model(family)
    config_class, model_class = STOCK[family]
    stock = model_class(config_class.from_dict(loaded.family.stock_config(loaded.model)))
    stock.load_state_dict(loaded.model.state_dict())
    return stock


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


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")  # PEFT asks by the old name
@pytest.mark.parametrize("targets", ["attention", "attention+shared", "attention+experts", "all-linear"])
@pytest.mark.parametrize("family", STOCK)
def test_adapter_files_load_in_stock_peft_over_the_stock_class(family, targets, tmp_path):
    """Other programs know neither our class nor our reader: PEFT alone, over transformers' own class, must do."""
    import peft

    loaded = tiny_model(family)
    settings = LoraConfig(targets=targets, rank=4, alpha=8)
    inject_adapters(loaded, settings)
    generator = torch.Generator().manual_seed(0)
    for name, parameter in loaded.model.named_parameters():
        if "lora_B" in name:
            parameter.data = torch.randn(parameter.shape, generator=generator) * 0.1
    write_adapters(loaded, settings, tmp_path)
    adapted = peft.PeftModel.from_pretrained(stock_model(family), tmp_path)
    ids = torch.arange(40, 60)[None]
    with torch.no_grad():
        expected = loaded.model.lm_head(loaded.model.model.language_model(input_ids=ids).last_hidden_state)
        found = adapted.get_base_model()
        found = found.lm_head(found.model.language_model(input_ids=ids).last_hidden_state)
    wanted = sum("lora_B" in name for name, _ in loaded.model.named_parameters())
    assert sum(bool(value.any()) for name, value in adapted.named_parameters() if "lora_B" in name) == wanted
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)


def test_experts_in_4_bits_and_adapters_of_experts_exclude_each_other():
    for targets in ("attention+experts", "all-linear"):
        with pytest.raises(SettingsError, match="experts in 4 bits take no adapters"):
            TINY.override({"lora": {"quantize_experts": True, "targets": targets}})


def test_the_base_keeps_the_dtype_it_is_told_and_adapters_float32():
    config = TINY.override({"lora": {"base_dtype": "bfloat16"}})
    model = make_tuning(config).load(config, None, "cpu").model
    dtypes = {("lora_" in name, value.dtype) for name, value in model.named_parameters()}
    assert dtypes == {(True, torch.float32), (False, torch.bfloat16)}


def test_qlora_trains_and_is_merged_into_the_whole_model(config, rows):
    pytest.importorskip("bitsandbytes")
    from deepsynth.training.production_trainer import DeepSynthProductionTrainer

    config = config.override({"max_steps": 12, "lora": {"rank": 8, "quantize_experts": True, "base_dtype": "bfloat16"}})
    trainer = DeepSynthProductionTrainer(config)
    assert "FROZEN in 4 bits" in trainer.summary
    trainer.train(rows)
    assert sum(trainer.losses[-3:]) < sum(trainer.losses[:3])
    with pytest.raises(ModelError, match="cannot be merged into experts in 4 bits"):
        merge_adapters(trainer.loaded)
    merged = load_trained(config.output_dir / "checkpoint-12").model.state_dict()
    base = load_base(config).model.state_dict()
    changed = {name for name, value in merged.items() if not torch.equal(value, base[name])}
    assert changed == {name for name in base if "language_model" in name and "self_attn" in name}


@pytest.mark.filterwarnings("ignore")  # the stock path only warns, and that is the trap
@pytest.mark.parametrize("family", STOCK)
def test_the_stock_path_saves_adapters_and_restores_none_of_them(family, tmp_path):
    """PEFT over transformers' own class, as everybody uses it: what it saved it does not find again."""
    import peft

    targets = peft.LoraConfig(target_modules=r".*language_model\.layers\.\d+\.self_attn\.(q|v)_proj", r=4)
    adapted = peft.get_peft_model(stock_model(family), targets)
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            parameter.data.fill_(0.5)
    adapted.save_pretrained(tmp_path / "stock")
    again = peft.PeftModel.from_pretrained(stock_model(family), tmp_path / "stock")
    assert not any(bool(value.any()) for name, value in again.named_parameters() if "lora_B" in name)

    loaded, fresh = tiny_model(family), tiny_model(family)
    inject_adapters(loaded, LoraConfig())
    for name, parameter in loaded.model.named_parameters():
        if "lora_B" in name:
            parameter.data.fill_(0.5)
    write_adapters(loaded, LoraConfig(), tmp_path)
    inject_adapters(fresh, LoraConfig())
    read_adapters(fresh, tmp_path)
    restored = [value for name, value in fresh.model.named_parameters() if "lora_B" in name]
    assert restored
    assert all(bool((value == 0.5).all()) for value in restored)


def test_a_plain_load_of_a_checkpoint_would_leave_most_weights_as_they_were(tmp_path):
    """How the stock trainer resumes: `load_state_dict(strict=False)` on official names. Ours gives every bit back."""
    from safetensors.torch import load_file

    saved, fresh = load_base(TINY), load_base(TINY.override({"seed": 9}))
    FullTuning().save(saved, tmp_path)
    report = fresh.model.load_state_dict(load_file(tmp_path / "model.safetensors"), strict=False)
    assert len(report.missing_keys) > 0.9 * len(fresh.model.state_dict())
    state = FullTuning().load(TINY, tmp_path, "cpu").model.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in saved.model.state_dict().items())
