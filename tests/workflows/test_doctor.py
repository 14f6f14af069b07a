import pytest

from deepsynth.core.errors import InputError, ModelError
from deepsynth.workflows.doctor import DoctorConfig, run


def test_the_machine_is_described(reporter):
    shown = run(DoctorConfig(), reporter).describe()
    assert "Python 3." in shown
    assert "free disk" in shown
    assert "extras:" in shown


def test_a_model_and_what_its_labels_teach_are_described(dataset, checkpoint, reporter):
    findings = run(DoctorConfig(model=str(checkpoint), data=dataset, text="Grüße"), reporter).findings
    shown = "\n".join(findings.values())
    assert "FROZEN" in shown
    assert "TRAINABLE" in shown
    assert "21 visual tokens" in shown
    assert "and ends with EOS" in shown
    assert "5 characters are" in findings["Your text"]
    assert "und: " in findings["Summaries of the dataset, by language"]


def test_every_token_of_the_shown_example_says_whether_it_teaches(dataset, checkpoint, reporter):
    shown = run(DoctorConfig(model=str(checkpoint), data=dataset), reporter).findings["What a label teaches"]
    marks = shown.partition("not): ")[2]
    assert marks.endswith("+EOS")
    kinds = [mark[0] for mark in marks.replace("' '", "_").split(" ") if mark[:1] in "+-"]
    assert kinds == sorted(kinds, key="-+".index), "the prompt comes first and teaches nothing"


def test_the_published_size_is_planned_without_its_weights(reporter):
    findings = run(DoctorConfig(model="full", batch_size=1), reporter).findings
    rows = {line.split("  ")[1]: line for line in findings["Plan: batch 1, mode base"].splitlines()}
    assert "6.22 GiB" in rows["LoRA, bfloat16"]
    assert "2.87 GiB" in rows["QLoRA"]
    assert "273 visual tokens" in rows["a page is 273 visual tokens: 666.5 MiB for a thousand cached pages in bfloat16"]


def test_a_size_of_another_family_goes_by_its_name(reporter):
    findings = run(DoctorConfig(model="deepseek_ocr2:full"), reporter).findings
    assert "3,389,119,360" in next(text for name, text in findings.items() if name.startswith("Model"))


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("batch_size", 3),
        ("max_length", 700),
        ("mode", "tiny"),
        ("rank", 64),
        ("gradient_checkpointing", True),
        ("keep_checkpoints", 9),
        ("freeze", ("sam",)),
    ],
)
def test_every_setting_changes_the_plan(setting, value, reporter):
    plain = run(DoctorConfig(model="full"), reporter).findings
    assert run(DoctorConfig.parse({"model": "full", setting: value}), reporter).findings != plain


def test_a_model_without_tokenizer_says_so_when_text_is_asked_about(reporter):
    with pytest.raises(ModelError, match=r"no tokenizer\.json"):
        run(DoctorConfig(model="full", text="Hello"), reporter)


@pytest.mark.parametrize("setting", ["data", "text"])
def test_what_needs_a_model_says_so(setting, dataset, reporter):
    values = {"data": dataset, "text": "Hello"}
    with pytest.raises(InputError, match=f"{setting} is examined with a model's tokenizer; name one with --model"):
        run(DoctorConfig.parse({setting: values[setting]}), reporter)
