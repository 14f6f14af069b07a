import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from deepsynth.core.documents import Document
from deepsynth.core.errors import InputError, ModelError
from deepsynth.inference.adapters import AdapterSet
from deepsynth.inference.loading import load_any
from deepsynth.inference.summarizer import Summarizer
from deepsynth.inference.writing import Writing
from deepsynth.models import families
from deepsynth.rendering.config import RenderConfig
from deepsynth.training.config import LoraConfig
from deepsynth.training.tuning import inject_adapters, load_trained, merge_adapters, write_adapters

WRITING = Writing(max_new_tokens=12, repetition_times=0)
TARGETS = ("attention", "attention+shared", "attention+experts", "all-linear")


def build(dtype=torch.float32):
    return families.get("deepseek_ocr").build("tiny", seed=0, dtype=dtype)


def make_adapter(folder, targets="attention", seed=0, dtype=torch.float32):
    """Write random adapters as training does; return the merged model."""
    loaded, settings = build(dtype), LoraConfig(targets=targets, rank=2, alpha=8)
    inject_adapters(loaded, settings)
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in loaded.model.named_parameters():
        if "lora_" in name:
            parameter.data.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
    folder.mkdir(parents=True)
    write_adapters(loaded, settings, folder)
    (folder / "trainer.json").write_text(json.dumps({"model": "tiny", "seed": 0, "rendering": {"mode": "nano-128"}}))
    return merge_adapters(loaded)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("targets", TARGETS)
def test_an_adapter_added_here_gives_the_weights_of_merging_to_the_bit(tmp_path, targets, dtype):
    merged = dict(make_adapter(tmp_path / "a", targets, dtype=dtype).model.named_parameters())
    loaded = build(dtype)
    before = {name: value.clone() for name, value in loaded.model.named_parameters()}
    adapters = AdapterSet(loaded, {"a": tmp_path / "a"})
    adapters.switch("a")
    changed = [name for name, value in loaded.model.named_parameters() if not torch.equal(value, before[name])]
    assert changed
    for name, value in loaded.model.named_parameters():
        assert torch.equal(value, merged[name]), name
    adapters.switch("")
    assert all(torch.equal(value, before[name]) for name, value in loaded.model.named_parameters())


def test_adapters_by_name_take_turns_in_one_model(tmp_path):
    for number, name in enumerate(("news", "law")):
        make_adapter(tmp_path / name, seed=number)
    rendering = RenderConfig(mode="nano-128")
    folders = {name: tmp_path / name for name in ("news", "law")}
    both = Summarizer.load("tiny", rendering=rendering, adapters=folders)
    document = Document(id="a", text="The lamp stands in the harbor.")
    names = ["", "news", "law", "news", "", "law"]
    jobs = [both.job(document, both.asking(adapter=name, writing=WRITING)) for name in names]
    found = {number: summary for number, summary in both.each(jobs)}
    for number, name in enumerate(names):
        path = tmp_path / name if name else "tiny"
        alone = Summarizer.load(path, rendering=rendering).summarize(document, writing=WRITING)[0]
        assert (found[number].text, found[number].adapter) == (alone.text, name)
    assert len({found[number].text for number in range(3)}) == 3


def test_a_checkpoint_of_adapters_loads_as_the_model_that_was_trained(dataset_free_checkpoint):
    folder, merged = dataset_free_checkpoint
    ours = dict(load_any(folder).model.named_parameters())
    for name, value in merged.model.named_parameters():
        torch.testing.assert_close(ours[name], value, rtol=0, atol=1e-6)


@pytest.fixture
def dataset_free_checkpoint(tmp_path):
    from deepsynth.training.config import TrainerConfig

    make_adapter(tmp_path / "a")
    settings = {"model": "tiny", "seed": 0, "lora": {"rank": 2, "alpha": 8}, "rendering": {"mode": "nano-128"}}
    TrainerConfig.parse(settings).save(tmp_path / "a" / "trainer.json")
    return tmp_path / "a", load_trained(tmp_path / "a")


def test_what_does_not_fit_is_refused(tmp_path):
    make_adapter(tmp_path / "a")
    tensors = load_file(tmp_path / "a" / "adapter_model.safetensors")
    loaded = build()
    first = next(iter(tensors))
    save_file({**tensors, first: torch.zeros(2, 5)}, tmp_path / "a" / "adapter_model.safetensors")
    with pytest.raises(ModelError, match="does not fit the model at"):
        AdapterSet(loaded, {"a": tmp_path / "a"})
    (tmp_path / "a" / "adapter_model.safetensors").write_bytes(b"damaged")
    with pytest.raises(ModelError, match="cannot be read"):
        AdapterSet(loaded, {"a": tmp_path / "a"})
    settings = json.loads((tmp_path / "a" / "adapter_config.json").read_text())
    (tmp_path / "a" / "adapter_config.json").write_text(json.dumps({**settings, "use_dora": True}))
    with pytest.raises(ModelError, match="sets use_dora"):
        AdapterSet(loaded, {"a": tmp_path / "a"})
    make_adapter(tmp_path / "b")
    (tmp_path / "b" / "adapter_config.json").write_text('{"r": 2}')
    with pytest.raises(ModelError, match="does not say rank and alpha of its adapters: KeyError"):
        AdapterSet(loaded, {"b": tmp_path / "b"})


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(InputError, match="no adapter 'news'; known: none"):
        AdapterSet(build()).check("news")
