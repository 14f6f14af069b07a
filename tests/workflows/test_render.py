import json

import pytest
from PIL import Image

from deepsynth.core.documents import Progress
from deepsynth.core.errors import InputError
from deepsynth.core.progress import SilentReporter
from deepsynth.workflows.render import RenderJobConfig, run


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("The harbor lamp burns. " * 30)
    return path


def test_pages_a_contact_sheet_and_the_facts_are_written(text, tmp_path, reporter):
    (tmp_path / "b.md").write_text("# Title\n\nSome *text*.")
    result = run(RenderJobConfig.parse({"files": [text, tmp_path / "b.md"], "out": tmp_path / "out"}), reporter)
    facts = json.loads((tmp_path / "out" / "pages.json").read_text())["pages"]
    assert len(facts) == result.pages > 3
    assert facts[0]["characters"][0] == 0
    assert all(page["visual_tokens"] == 21 for page in facts)
    for page in facts:
        with Image.open(tmp_path / "out" / page["file"]) as image:
            assert image.size == (128, 128)
    assert (tmp_path / "out" / "contact.png").is_file()


def test_the_plan_compares_every_mode_and_draws_nothing(text, tmp_path, reporter):
    result = run(RenderJobConfig.parse({"files": [text], "plan": True, "out": tmp_path / "out"}), reporter)
    shown = result.describe()
    assert "estimated" in shown
    assert all(name in shown for name in ("tiny", "gundam", "nano-128", "v2-1024", "legible"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("files", [[], ["gone.txt"], ["a.xyz"]])
def test_what_cannot_be_drawn_is_refused_before_anything_is_written(files, tmp_path, reporter, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.xyz").write_text("x")
    with pytest.raises(InputError):
        run(RenderJobConfig.parse({"files": files, "out": tmp_path / "out"}), reporter)
    assert not (tmp_path / "out").exists()


def test_a_wish_is_met_told_and_written_down(text, tmp_path, reporter):
    wish = {"target_ratio": 6, "modes": ["tiny", "base"]}
    values = {"files": [text], "out": tmp_path / "out", "planning": wish, "rendering": {"font": "sans"}}
    run(RenderJobConfig.parse(values), reporter)
    facts = json.loads((tmp_path / "out" / "pages.json").read_text())
    chosen = facts["chosen"]["a.txt"]
    assert chosen["rendering"]["mode"] == "tiny"
    assert chosen["rendering"]["px"] == facts["pages"][0]["px"] > 9
    assert chosen["reason"].startswith("a target of 6 text tokens per visual token: mode tiny, 1 pages")
    with Image.open(tmp_path / "out" / facts["pages"][0]["file"]) as image:
        assert image.size == (512, 512)


def test_a_plan_for_a_wish_shows_every_mode_and_the_chosen_one(text, reporter):
    config = RenderJobConfig.parse(
        {"files": [text], "plan": True, "planning": {"visual_tokens": 300, "modes": ["tiny", "base"]}}
    )
    shown = run(config, reporter).describe()
    assert shown.splitlines()[2].startswith("tiny ")
    assert shown.splitlines()[3].startswith("base ")
    assert "chosen for a budget of 300 visual tokens: mode" in shown


def test_tokens_are_counted_with_the_tokenizer_that_is_named(text, tmp_path, reporter):
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    values = {"files": [text], "out": tmp_path / "out", "tokenizer": tmp_path}
    run(RenderJobConfig.parse(values), reporter)
    facts = json.loads((tmp_path / "out" / "pages.json").read_text())
    assert sum(page["text_tokens"] for page in facts["pages"]) == 120
    with pytest.raises(InputError, match="no tokenizer at"):
        run(RenderJobConfig.parse(values | {"tokenizer": tmp_path / "gone"}), reporter)
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(InputError, match=r"broken.json is no tokenizer that can be read: EOF"):
        run(RenderJobConfig.parse(values | {"tokenizer": tmp_path / "broken.json"}), reporter)


def test_the_number_of_pages_is_known_before_the_first_is_drawn(text, tmp_path):
    told: list[Progress] = []
    reporter = SilentReporter()
    reporter.progress = told.append
    (tmp_path / "b.md").write_text("# Title\n\nSome *text*.")
    Image.new("L", (20, 20)).save(tmp_path / "c.tiff", save_all=True, append_images=[Image.new("L", (20, 20))] * 2)
    files = [text, tmp_path / "b.md", tmp_path / "c.tiff"]
    result = run(RenderJobConfig.parse({"files": files, "out": tmp_path / "out"}), reporter)
    drawing = [progress for progress in told if progress.message == "drawing pages"]
    assert [progress.done for progress in drawing] == list(range(1, result.pages + 1))
    assert {progress.total for progress in drawing} == {result.pages}
