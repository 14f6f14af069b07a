"""The workshop in which the pages' blocks are run: the files, datasets and models that they name, small but real."""

import contextlib
import io
import json
import os
import random
import shutil
from pathlib import Path

import pytest
from PIL import Image, ImageDraw
from tests.docs.book import ROOT

from deepsynth.core.progress import SilentReporter
from deepsynth.data.prepare import Preparation, PrepareConfig
from deepsynth.training.config import TrainerConfig

WORDS = "The harbor lamp was lit again after three years, and the pilot boats came home before the storm. "


def make_rows(count: int) -> list[dict[str, str]]:
    """Return documents unlike one another, so that no rule keeps one out, with summaries."""
    draw = random.Random(0)
    words = [
        f"{start}{end}"
        for start in ("har", "pil", "mar", "tid", "bas", "lan")
        for end in ("bor", "ot", "ket", "e", "in", "tern")
    ]
    return [
        {"text": f"{number} {' '.join(draw.choices(words, k=16))}.", "summary": f"Lamp number {number}."}
        for number in range(count)
    ]


def write_documents(folder: Path) -> None:
    """Write the documents that the guides name."""
    shutil.copytree(ROOT / "examples", folder / "examples")
    for name in ("notes.txt", "article.txt", "letters/one.txt", "letters/old/two.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(WORDS)
    (folder / "report.md").write_text(f"# Report\n\n* {WORDS}\n")
    page = Image.new("L", (128, 128), 255)
    ImageDraw.Draw(page).text((4, 4), "The lamp", fill=0)
    page.save(folder / "scan.png")
    page.save(folder / "report.pdf")
    (folder / "rows.jsonl").write_text("\n".join(json.dumps(row) for row in make_rows(80)))
    (folder / "folder-of-texts").mkdir()
    for number in range(4):
        (folder / "folder-of-texts" / f"{number}.txt").write_text(f"{number} {WORDS}")
        (folder / "folder-of-texts" / f"{number}.summary.txt").write_text(f"Lamp number {number}.")


def make_dataset(folder: Path) -> None:
    values = {
        "source": str(folder / "rows.jsonl"),
        "out": folder / "data" / "debian",
        "reading": {"language": "en"},
        "split": {"test": 0.3, "validation": 0.2},
        "cleaning": {"near_duplicates": "keep", "leaks": "keep"},
    }
    Preparation(PrepareConfig.parse(values), SilentReporter()).run()
    shutil.copytree(folder / "data" / "debian", folder / "data" / "mine")


def make_models(folder: Path) -> None:
    """Train the smallest model for two steps, whole and with adapters, and put it where the guides' runs lie."""
    from deepsynth.workflows import evaluate, train

    def trained(name: str, **more) -> Path:
        values = {"model": "tiny", "max_steps": 2, "batch_size": 2, "data": {"path": folder / "data" / "debian"}}
        config = TrainerConfig.parse(values | {"output_dir": folder / "runs" / name} | more)
        return train.run(config, SilentReporter()).checkpoint

    def put(checkpoint: Path, *names: str) -> None:
        for name in names:
            shutil.copytree(checkpoint, folder / "runs" / name)

    whole = trained("mine")
    put(whole, "mine/checkpoint-500", "train/checkpoint-500", "base")
    base = {"model": str(folder / "runs" / "base"), "lora": {"rank": 2}}
    put(trained("lora", **base), "lora/checkpoint-500", "news/checkpoint-90", "law/checkpoint-40")
    values = {"model": str(whole), "data": folder / "data" / "debian", "max_new_tokens": 4, "controls": (), "limit": 3}
    values |= {"reading_rows": 0, "probe_rows": 0, "save_pages": False}
    evaluate.run(evaluate.EvaluateConfig.parse(values | {"out": folder / "runs" / "a1"}), SilentReporter())
    put(folder / "runs" / "a1", "a2", "b1", "b2", "a/evaluation", "b/evaluation")


@pytest.fixture(scope="session")
def workshop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("workshop")
    write_documents(folder)
    with contextlib.redirect_stdout(io.StringIO()):
        make_dataset(folder)
        make_models(folder)
    return folder


@pytest.fixture
def place(workshop, tmp_path, monkeypatch):
    """Return a function that goes into a copy of the workshop, without the folders that a page makes itself."""

    def go(*left_out: str) -> Path:
        shutil.copytree(workshop, tmp_path / "book", copy_function=os.link, ignore=shutil.ignore_patterns(*left_out))
        monkeypatch.chdir(tmp_path / "book")
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        return tmp_path / "book"

    return go
