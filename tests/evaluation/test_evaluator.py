from dataclasses import replace

import numpy as np
import pytest
import torch

from deepsynth.core.control import Control
from deepsynth.core.documents import Document, Example, Summary
from deepsynth.core.errors import InputError, Paused
from deepsynth.core.processor import IGNORED
from deepsynth.core.progress import SilentReporter
from deepsynth.data.collate import Collator
from deepsynth.evaluation.evaluator import Evaluator, transcript_limit
from deepsynth.evaluation.page_files import page_path
from deepsynth.evaluation.predictions import read_predictions
from deepsynth.evaluation.variants import as_text, with_other_pages
from deepsynth.inference.habits import Habits
from deepsynth.inference.writing import Writing

WRITING = Writing(max_new_tokens=6)


@pytest.fixture
def evaluator(summarizer, tmp_path):
    return Evaluator(summarizer, tmp_path, SilentReporter(), batch_size=4, writing=WRITING)


def test_predictions_are_made_once_and_kept(evaluator, summarizer, examples, tmp_path, monkeypatch):
    first = evaluator.predict(examples)
    assert len(first) == len(examples)
    monkeypatch.setattr(summarizer, "write", lambda *_args, **_kwargs: pytest.fail("written again"))
    assert evaluator.predict(examples) == first


def test_an_interrupted_run_goes_on_behind_its_last_whole_line(evaluator, examples, tmp_path):
    whole = evaluator.predict(examples)
    path = tmp_path / "summaries-predictions.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:2]) + lines[2][:10])
    assert len(read_predictions(path)) == 2
    assert evaluator.predict(examples) == whole
    assert len(read_predictions(path)) == len(examples)


def test_a_batch_that_was_cut_is_written_again_as_the_same_batch(
    evaluator, summarizer, examples, tmp_path, monkeypatch
):
    evaluator.predict(examples)
    path = tmp_path / "summaries-predictions.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:2]))
    batches = []
    write = summarizer.write
    monkeypatch.setattr(
        summarizer, "write", lambda part, **options: batches.append([row.id for row in part]) or write(part, **options)
    )
    evaluator.predict(examples)
    assert batches == [["d0", "d1", "d2", "d3"], ["d4", "d5"]]


def test_a_pause_keeps_what_was_written(summarizer, examples, tmp_path, monkeypatch):
    control = Control()
    evaluator = Evaluator(summarizer, tmp_path, SilentReporter(), batch_size=4, writing=WRITING, control=control)
    write = summarizer.write

    def pause_while_writing(part, **options):
        control.request_pause()
        return write(part, **options)

    monkeypatch.setattr(summarizer, "write", pause_while_writing)
    with pytest.raises(Paused, match="paused with 4 of 6 summaries written"):
        evaluator.write(examples)
    assert len(read_predictions(tmp_path / "summaries-predictions.jsonl")) == 4


def test_another_page_instruction_or_way_of_writing_is_another_prediction(evaluator, examples):
    keys = {evaluator._key(example, WRITING) for example in examples}
    keys.add(evaluator._key(replace(examples[0], instruction="Read."), WRITING))
    keys.add(evaluator._key(replace(examples[0], pages=examples[1].pages), WRITING))
    keys.add(evaluator._key(replace(examples[0], pages=()), WRITING))
    keys.add(evaluator._key(replace(examples[0], pages=(), text="other"), WRITING))
    keys.add(evaluator._key(examples[0], Writing(max_new_tokens=7)))
    assert len(keys) == len(examples) + 5


def test_pages_are_saved_beside_their_predictions(evaluator, examples, tmp_path):
    evaluator.write(examples, keep_pages=True)
    saved = sorted(path.relative_to(tmp_path).as_posix() for path in (tmp_path / "pages").iterdir())
    assert saved == [page_path(row, page.number) for row, example in enumerate(examples) for page in example.pages]


def test_reading_counts_errors_against_the_pages_own_text(evaluator, examples, monkeypatch):
    def read(asked, _name, *, writing):
        longest = max(evaluator.summarizer.processor.count_text_tokens(example.text) for example in asked.examples)
        assert writing.max_new_tokens == transcript_limit(longest) > WRITING.max_new_tokens
        return [
            Summary(
                document_id=asked[number].id, text=asked[number].text, prompt_tokens=1, visual_tokens=1,
                generated_tokens=1, seconds=0, stop_reason="eos",
            )
            for number in range(len(asked))
        ]  # fmt: skip

    monkeypatch.setattr(evaluator, "write", read)
    reading = evaluator.read_pages(examples)
    assert reading.scores["cer"].mean == 0
    assert reading.scores["precision"].mean == 100
    assert reading.rows[0]["transcript"] == reading.rows[0]["text"]


def test_other_pages_change_the_loss_of_each_row(evaluator, examples):
    own, other = evaluator.losses(examples), evaluator.losses(with_other_pages(examples))
    assert own.shape == (len(examples),)
    assert (own != other).all()
    use = evaluator.page_use(examples)
    assert (use.own.mean, use.other.mean) == (pytest.approx(own.mean()), pytest.approx(other.mean()))
    assert use.difference.mean == pytest.approx((other - own).mean())
    with pytest.raises(InputError, match="at least two rows"):
        evaluator.page_use(examples[:1])


def test_a_rows_loss_is_that_of_its_label_tokens(evaluator, examples, summarizer):
    batch = Collator(summarizer.processor)([examples[1]]).as_mapping()
    output = summarizer.loaded.family.forward(summarizer.loaded.model, batch, with_logits=True)
    labels = batch["labels"][0, 1:]
    wanted = torch.nn.functional.cross_entropy(output.logits[0, :-1].float(), labels, ignore_index=IGNORED)
    assert evaluator.losses(examples)[1] == pytest.approx(wanted.item(), rel=1e-4)


def test_a_text_only_row_is_read_by_the_same_decoder(evaluator, examples):
    rows = as_text(examples, lambda number, text: text[: 10 + number])
    assert (rows[1].pages, rows[1].text) == ((), examples[1].text[:11])
    made = evaluator.write(rows, "text")
    assert {summary.visual_tokens for summary in made} == {0}


def test_the_loss_of_a_model_that_reads_first_counts_the_text_too(evaluator, summarizer, examples, monkeypatch):
    plain = evaluator.losses(examples)
    first = [
        replace(
            example, instruction="Read. Summarize.", summary=f"{' '.join(example.text.split())}\n\n{example.summary}"
        )
        for example in (examples[number] for number in range(len(examples)))
    ]
    wanted = evaluator.losses(first)
    habits = Habits(read_first=True)
    monkeypatch.setattr(summarizer.engine, "facts", replace(summarizer.engine.facts, habits=habits))
    assert evaluator.losses(examples).tolist() == wanted.tolist() != plain.tolist()


def test_the_use_of_the_page_is_measured_on_what_a_prompt_shows(evaluator, summarizer, monkeypatch):
    text = "The lamp stands in the harbor and warns boats of the tide. " * 8
    pages = summarizer.example(Document(id="a", text=text)).pages
    assert len(pages) > 1
    rows = [Example(id=str(n), pages=pages, text=text, summary="a lamp") for n in range(2)]
    monkeypatch.setattr(summarizer.engine, "facts", replace(summarizer.engine.facts, habits=Habits(pages_per_prompt=1)))
    seen = []
    monkeypatch.setattr(
        evaluator, "_losses", lambda rows: seen.extend(rows[n] for n in range(2)) or np.array([1.0, 2.0])
    )
    evaluator.page_use(rows)
    assert {len(row.pages) for row in seen} == {1}
    assert {row.text for row in seen} == {text[: pages[0].span[1]]}


def test_the_pages_of_another_row_do_not_change_what_is_to_be_read(evaluator, summarizer, monkeypatch):
    texts = ("The lamp stands in the harbor.", "Rope and tide, and nothing else that is worth a word today.")
    rows = [
        Example(
            id=str(number), pages=summarizer.example(Document(id="a", text=text)).pages, text=text, summary="a lamp"
        )
        for number, text in enumerate(texts)
    ]
    habits = Habits(read_first=True, keep_lines=True)
    monkeypatch.setattr(summarizer.engine, "facts", replace(summarizer.engine.facts, habits=habits))
    seen = []
    monkeypatch.setattr(
        evaluator, "_losses", lambda rows: seen.append([rows[n] for n in range(2)]) or np.array([1.0, 2.0])
    )
    evaluator.page_use(rows)
    own, other = seen
    assert [row.summary for row in own] == [row.summary for row in other]
    assert [row.pages for row in own] == [row.pages for row in reversed(other)]
    assert " ".join(own[1].summary.split()) == f"{texts[1]} a lamp"
