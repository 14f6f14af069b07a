import json

import pytest
import torch
from safetensors import safe_open

from deepsynth.core.errors import InputError, ModelError, SettingsError
from deepsynth.models import families, load_model
from deepsynth.training.config import TrainerConfig
from deepsynth.training.tuning import load_trained
from deepsynth.workflows import train
from deepsynth.workflows.export import ExportConfig, run


@pytest.fixture(scope="module")
def adapters(dataset, tmp_path_factory):
    from deepsynth.core.progress import SilentReporter

    values = {
        "model": "tiny",
        "output_dir": tmp_path_factory.mktemp("lora"),
        "max_steps": 3,
        "data": {"path": dataset},
        "lora": {"rank": 2, "targets": "all-linear"},
        "optimizer": {"learning_rate": 1e-2, "warmup_steps": 0},
    }
    return train.run(TrainerConfig.parse(values), SilentReporter()).checkpoint


@pytest.mark.parametrize(
    ("layout", "key"),
    [
        ("original", "model.sam_model.pos_embed"),
        ("transformers", "model.vision_tower.sam_encoder.pos_embed"),
    ],
)
def test_a_checkpoint_is_written_loaded_again_and_compared(checkpoint, tmp_path, reporter, layout, key):
    result = run(ExportConfig(checkpoint=str(checkpoint), out=tmp_path / "out", layout=layout), reporter)
    with safe_open(tmp_path / "out" / "model.safetensors", framework="pt") as file:
        assert key in file.keys()  # noqa: SIM118
    assert "every bit compared; greatest logit difference 0 " in result.describe()
    assert "3 steps on" in (tmp_path / "out" / "README.md").read_text()
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {"config.json", "tokenizer.json", "manifest.json"}


def test_no_checkpoint_is_one_clear_line(reporter):
    with pytest.raises(InputError, match="name the checkpoint"):
        run(ExportConfig(), reporter)


@pytest.mark.parametrize("layout", ["original", "transformers"])
def test_adapters_are_merged_into_a_model_that_stands_alone(adapters, tmp_path, reporter, layout):
    result = run(ExportConfig(checkpoint=str(adapters), out=tmp_path / "out", layout=layout), reporter)
    assert "merged in float32" in result.describe()
    difference = float(result.comparison.partition("difference ")[2].split()[0])
    assert difference < 1e-5
    merged, expected = load_model(tmp_path / "out").model.state_dict(), load_trained(adapters).model.state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in merged.items())


def test_adapters_alone_come_back_on_a_fresh_base(adapters, tmp_path, reporter):
    result = run(ExportConfig(checkpoint=str(adapters), out=tmp_path / "out", layout="adapters"), reporter)
    assert "greatest logit difference 0 " in result.describe()
    assert not (tmp_path / "out" / "model.safetensors").exists()
    assert (tmp_path / "out" / "adapter_config.json").is_file()
    assert "library_name: peft" in (tmp_path / "out" / "README.md").read_text()


def test_a_whole_model_has_no_adapters_to_export(checkpoint, tmp_path, reporter):
    with pytest.raises(InputError, match="holds no adapters"):
        run(ExportConfig(checkpoint=str(checkpoint), out=tmp_path / "out", layout="adapters"), reporter)
    assert not (tmp_path / "out").exists()


def test_a_failed_comparison_leaves_no_folder(checkpoint, tmp_path, reporter, monkeypatch):
    def wrong(model):
        return {**real(model), "lm_head.weight": torch.zeros(512, 32)}

    from deepsynth.models import exporting

    real = exporting.official_state
    calls = iter([real, real, wrong])
    monkeypatch.setattr(exporting, "official_state", lambda model: next(calls)(model))
    with pytest.raises(ModelError, match=r"lm_head\.weight differs"):
        run(ExportConfig(checkpoint=str(checkpoint), out=tmp_path / "out"), reporter)
    assert list(tmp_path.iterdir()) == []


def test_a_server_is_told_what_it_needs(checkpoint, tmp_path, reporter, monkeypatch):
    small = families.get("deepseek_ocr")
    full = small.write_config(small.size_config("full"))
    with pytest.raises(SettingsError, match="published sizes only"):
        run(ExportConfig.parse({"checkpoint": str(checkpoint), "out": tmp_path / "a", "for": "vllm"}), reporter)
    # the full size does not fit a test: pretend that these sizes are the published ones
    monkeypatch.setattr(type(small), "write_config", lambda self, settings: full)
    monkeypatch.setattr("deepsynth.models.comparing.load_model", lambda folder, dtype: load_model(checkpoint))
    result = run(ExportConfig.parse({"checkpoint": str(checkpoint), "out": tmp_path / "b", "for": "vllm"}), reporter)
    assert f"vllm serve {tmp_path / 'b'}" in result.describe()
    told = json.loads((tmp_path / "b" / "vllm.json").read_text())
    assert told["hf_overrides"]["architectures"] == ["DeepseekOCRForCausalLM"]
    assert (tmp_path / "b" / "chat_template.jinja").is_file()


def test_a_server_that_reads_the_original_layout_is_not_given_another(checkpoint, tmp_path, reporter):
    values = {"checkpoint": str(checkpoint), "out": tmp_path / "out", "for": "vllm", "layout": "transformers"}
    with pytest.raises(SettingsError, match="original layout, not transformers"):
        run(ExportConfig.parse(values), reporter)
