import json

import pytest

from deepsynth.core.errors import InputError
from deepsynth.workflows.model_card import find_facts, model_card

SCORE = {"mean": 41.5, "low": 40.0, "high": 43.0, "n": 10}


@pytest.fixture
def trained(tmp_path):
    checkpoint = tmp_path / "run" / "checkpoint-5"
    checkpoint.mkdir(parents=True)
    data, base = tmp_path / "data", tmp_path / "base"
    data.mkdir()
    base.mkdir()
    (data / "dataset.json").write_text('{"fingerprint": "f00d"}')
    (base / "README.md").write_text("---\nlicense: apache-2.0\n---\n# Base\n")
    settings = {"model": str(base), "data": {"path": str(data)}, "batch_size": 4, "lora": None, "seed": 7}
    (checkpoint / "trainer.json").write_text(json.dumps(settings))
    (checkpoint / "state.json").write_text('{"step": 5, "examples": 20}')
    report = {"title": "mine on test", "data_fingerprint": "beef", "scores": {"model": {"rouge1": SCORE}}}
    (checkpoint.parent / "report.json").write_text(json.dumps(report))
    return checkpoint


def card(facts, **more):
    facts.note_model("deepseek_ocr", base=None)
    return model_card(facts, layout="original", comparison="5 tensors", **more)


def test_the_card_holds_settings_data_scores_and_license(trained):
    shown = card(find_facts(trained))
    for part in ("5 steps on 20 examples", "`f00d`", '"batch_size": 4', "41.50 (40.00 to 43.00)", "`beef`"):
        assert part in shown, part
    assert "\nlicense: apache-2.0\n" in shown
    assert "5 tensors" in shown


def test_what_is_not_known_is_said_to_be_unknown(tmp_path):
    shown = card(find_facts(tmp_path))
    assert "no trainer.json" in shown
    assert "no evaluation was found" in shown
    assert "Not stated" in shown
    assert "license:" not in shown


def test_a_dataset_that_is_gone_is_not_guessed(trained, tmp_path):
    (tmp_path / "data" / "dataset.json").unlink()
    assert "unknown (the dataset is no longer where it was)" in card(find_facts(trained))


def test_a_local_folder_is_no_base_model_of_the_hub(trained):
    assert "base_model" not in card(find_facts(trained))
    settings = json.loads((trained / "trainer.json").read_text())
    (trained / "trainer.json").write_text(json.dumps({**settings, "model": "deepseek-ai/DeepSeek-OCR"}))
    assert "base_model: deepseek-ai/DeepSeek-OCR" in card(find_facts(trained))


def test_a_named_report_and_license_win_and_a_missing_report_is_an_error(trained, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "report.json").write_text((trained.parent / "report.json").read_text().replace("41.5", "42.5"))
    shown = card(find_facts(trained, report=other, license="mit"))
    assert "42.50" in shown
    assert "license: mit" in shown
    with pytest.raises(InputError, match="no evaluation report"):
        find_facts(trained, report=tmp_path / "nowhere")


def test_how_to_serve_is_told_with_the_folder_in_place(trained):
    shown = card(find_facts(trained), serving={"command": ["vllm", "serve", "{folder}"], "pages": "one"})
    assert "vllm serve .\n" in shown
    assert "as vLLM cuts them: one" in shown


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "report.json is no JSON"),
        ("[1]", "report.json holds no JSON object"),
        ('{"title": "a frontier"}', "is no evaluation's report: it has no data_fingerprint"),
    ],
)
def test_what_is_no_report_is_named(trained, tmp_path, content, message):
    (tmp_path / "report.json").write_text(content)
    with pytest.raises(InputError, match=message):
        find_facts(trained, report=tmp_path)
