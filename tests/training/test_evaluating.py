import json

import torch

from deepsynth.training.evaluating import check_pages_reach_decoder
from deepsynth.training.production_trainer import DeepSynthProductionTrainer


def test_samples_are_added_at_each_evaluation_beside_their_references(config, rows):
    config = config.override({"eval_interval": 3, "eval_samples": 2})
    DeepSynthProductionTrainer(config).train(rows, rows)
    lines = [json.loads(line) for line in (config.output_dir / "samples.jsonl").read_text().splitlines()]
    assert [(line["step"], line["id"]) for line in lines] == [(3, "row-0"), (3, "row-1"), (6, "row-0"), (6, "row-1")]
    assert all(line["reference"] == rows[int(line["id"][-1])].summary for line in lines)
    assert all(isinstance(line["prediction"], str) for line in lines)
    assert all(line["text"] == rows[int(line["id"][-1])].text for line in lines)
    assert [line["pages"] for line in lines[:2]] == [["pages/000000-000.png"], ["pages/000001-000.png"]]
    assert all((config.output_dir / name).is_file() for line in lines for name in line["pages"])


def test_writing_samples_changes_no_number_of_the_run(config, rows, tmp_path):
    watched = {"eval_interval": 2, "batching": "packed"}
    plain = DeepSynthProductionTrainer(config.override(watched))
    plain.train(rows, rows)
    writing = DeepSynthProductionTrainer(
        config.override({**watched, "eval_samples": 2, "output_dir": tmp_path / "writing"})
    )
    writing.train(rows, rows)
    assert writing.losses == plain.losses


def test_the_loss_is_that_of_all_rows_whatever_the_batches(config, rows):
    one = DeepSynthProductionTrainer(config.override({"batch_size": 3}))
    losses = [one.training_step(one.collator([rows[index]])).item() for index in range(len(rows))]
    tokens = sum(one.collator([rows[index]]).num_label_tokens for index in range(len(rows)))
    assert abs(one.evaluation_loss(rows) - sum(losses) / tokens) < 1e-5
    assert one._model.training


def test_the_check_shows_another_page_in_each_form_that_pages_come_in(config, rows):
    trainer = DeepSynthProductionTrainer(config)
    batch = trainer.collator([rows[0]])
    seen = []

    def loss_of(item):
        seen.append(item.global_views)
        return torch.tensor(float(len(seen)))

    check_pages_reach_decoder(loss_of, batch)
    assert torch.equal(seen[0], 255 - seen[1])
