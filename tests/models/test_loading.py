"""Loading is strict: whatever is missing, left over, misshapen or not safetensors is an error that names it."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.data.conftest import fake_hub  # noqa: F401 - a fixture
from transformers import AutoConfig, AutoModelForImageTextToText
from transformers.models.unlimited_ocr.configuration_unlimited_ocr import UnlimitedOcrConfig
from transformers.models.unlimited_ocr.modeling_unlimited_ocr import UnlimitedOcrForConditionalGeneration

from deepsynth.core.errors import ModelError
from deepsynth.models import families, load_model, save_model
from deepsynth.models.loading import raise_unless_complete


@pytest.fixture(params=["deepseek_ocr", "deepseek_ocr2"])
def folder(request, tmp_path):
    save_model(families.get(request.param).build("tiny"), tmp_path)
    return tmp_path


def change(folder, edit) -> None:
    tensors = load_file(folder / "model.safetensors")
    edit(tensors)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def test_a_saved_model_is_recognized_by_its_family(folder):
    assert load_model(folder).model is not None


def test_a_missing_weight_is_named(folder):
    change(folder, lambda tensors: tensors.pop("lm_head.weight"))
    with pytest.raises(ModelError, match=r"1 missing: lm_head\.weight"):
        load_model(folder)


def test_a_weight_too_many_is_named(folder):
    change(folder, lambda tensors: tensors.update({"model.extra.weight": torch.zeros(2)}))
    with pytest.raises(ModelError, match=r"1 unexpected: model\.extra\.weight"):
        load_model(folder)


def test_a_weight_of_another_shape_is_named(folder):
    change(folder, lambda tensors: tensors.update({"lm_head.weight": torch.zeros(3, 3)}))
    with pytest.raises(ModelError, match=r"lm_head\.weight"):
        load_model(folder)


def test_a_pickle_is_never_opened(folder):
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(b"anything")
    with pytest.raises(ModelError, match=r"pytorch_model\.bin would have to be unpickled"):
        load_model(folder)


def test_an_index_cannot_lead_out_of_its_folder(folder):
    index = {"weight_map": {"lm_head.weight": "../elsewhere.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(ModelError, match="only safetensors files beside it"):
        load_model(folder)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("config.json", "{", "not valid JSON"),
        ("config.json", "[]", "must hold an object"),
        ("config.json", '{"model_type": "bert"}', "no family knows"),
        ("model.safetensors", "cut", "damaged or no safetensors"),
    ],
)
def test_a_damaged_folder_is_one_clear_line(folder, name, content, message):
    (folder / name).write_text(content)
    with pytest.raises(ModelError, match=message):
        load_model(folder)


def test_code_that_lies_in_a_folder_is_not_run(folder, tmp_path):
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {"AutoModelForImageTextToText": "evil.Model", "AutoConfig": "evil.Config"}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    load_model(folder)
    assert not (tmp_path / "ran").exists()


def test_a_model_of_the_hub_is_fetched_without_its_code_and_pickles(folder, fake_hub):  # noqa: F811
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    fake_hub.add("me/ocr", {**files, "modeling.py": b"raise SystemExit", "pytorch_model.bin": b"pickled"})
    expected = load_model(folder).model.state_dict()
    found = load_model("me/ocr").model.state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in found.items())
    assert fake_hub.asked("GET", r"/me/ocr/resolve/.*/model\.safetensors")
    assert not fake_hub.asked("GET", r"resolve/.*\.(py|bin)")


def test_a_name_that_is_neither_here_nor_on_the_hub_is_one_clear_line(fake_hub):  # noqa: F811
    with pytest.raises(ModelError, match="me/gone is no folder here and cannot be fetched from the hub"):
        load_model("me/gone")
    with pytest.raises(ModelError, match="neither a model folder nor a hub id of the form owner/name"):
        load_model("gone")


def test_the_auto_classes_know_the_saved_folder(folder):
    model = AutoModelForImageTextToText.from_pretrained(folder)
    expected = load_model(folder).model.state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in model.state_dict().items())


def test_the_stock_class_would_train_on_from_random_weights(golden_v1):
    """The trap that strict loading is for: under the official model_type the stock class finds no mapping of keys."""
    values = families.get("deepseek_ocr").read_config(json.loads((golden_v1.folder / "config.json").read_text()))
    config = UnlimitedOcrConfig.from_dict({**values.to_dict(), "model_type": "deepseek_vl_v2"})
    config.model_type = "deepseek_vl_v2"
    _, info = UnlimitedOcrForConditionalGeneration.from_pretrained(
        golden_v1.folder, config=config, output_loading_info=True
    )
    assert len(info["missing_keys"]) > 100  # and no exception: a report in the log is all
    with pytest.raises(ModelError, match="missing"):
        raise_unless_complete(golden_v1.folder, info)
    assert load_model(golden_v1.folder).origin is not None


def test_the_auto_classes_cannot_take_the_official_folder_without_its_code(golden_v1):
    with pytest.raises((ValueError, OSError)):
        AutoConfig.from_pretrained(golden_v1.folder, trust_remote_code=False)


def test_the_models_of_a_run_are_named_when_the_run_or_a_wrong_step_is(tmp_path):
    for name in ("checkpoint-10", "merged"):
        (tmp_path / "runs" / "mine" / name).mkdir(parents=True)
    with pytest.raises(ModelError, match="mine is the folder of a run; name one of its models: checkpoint-10, merged"):
        load_model(tmp_path / "runs" / "mine")
    with pytest.raises(ModelError, match="neither a model folder nor a hub id .*; .*mine has checkpoint-10, merged"):
        load_model(tmp_path / "runs" / "mine" / "checkpoint-11")
