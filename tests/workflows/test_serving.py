import jinja2
import pytest
from PIL import Image

from deepsynth.core.documents import Example, Page
from deepsynth.core.errors import SettingsError
from deepsynth.models import families
from deepsynth.workflows.serving import CHAT_TEMPLATE, tiny_keys, vllm_adapter_settings, vllm_settings


def official(name, size="full"):
    family = families.get(name)
    return family.write_config(family.size_config(size))


@pytest.mark.parametrize(
    ("name", "architecture"),
    [("deepseek_ocr", "DeepseekOCRForCausalLM"), ("deepseek_ocr2", "DeepseekOCR2ForCausalLM")],
)
def test_the_full_size_is_served_under_its_official_architecture(name, architecture):
    found = vllm_settings(official(name), "bfloat16")
    assert found["hf_overrides"] == {"architectures": [architecture], "model_type": "deepseek_vl_v2"}
    command = found["command"]
    assert command[:3] == ["vllm", "serve", "{folder}"]
    assert command[command.index("--max-model-len") + 1] == "8192"
    assert command[command.index("--dtype") + 1] == "bfloat16"
    assert "--no-enable-prefix-caching" in command


def test_a_size_that_vllm_does_not_build_is_refused_with_what_differs():
    with pytest.raises(SettingsError, match="published sizes only.*_tiny_patch_size"):
        vllm_settings(official("deepseek_ocr", "nano"), "float32")


def test_keys_are_sought_at_any_depth():
    assert tiny_keys({"a": {"b": {"_tiny_x": 1}}, "_tiny_y": [1]}) == {"_tiny_x", "_tiny_y"}


def test_adapters_are_served_on_their_base():
    command = vllm_adapter_settings("owner/base", rank=16, targets="attention")["command"]
    assert command[:3] == ["vllm", "serve", "owner/base"]
    assert command[command.index("--max-lora-rank") + 1] == "16"
    for targets in ("attention+experts", "all-linear"):
        with pytest.raises(SettingsError, match="routed experts"):
            vllm_adapter_settings("owner/base", rank=16, targets=targets)


def test_the_chat_template_gives_the_prompt_that_was_trained():
    """A server puts the page's mark and a line break before the text; the rest must be what the processor writes."""
    message = {"role": "user", "content": "<image>\nSummarize."}
    shown = jinja2.Template(CHAT_TEMPLATE.text).render(messages=[message])
    loaded = families.get("deepseek_ocr").build("tiny")
    page = Page(document_id="d", number=0, image=Image.new("RGB", (128, 128)))
    processor = loaded.family.processor(loaded, "nano-128")
    encoded = processor.encode(Example(id="x", pages=(page,), instruction="Summarize."), with_summary=False)
    assert shown.removeprefix("<image>") == processor.decode(encoded.input_ids)
