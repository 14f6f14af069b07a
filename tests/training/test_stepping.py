import pytest

from deepsynth.core.errors import TrainingError
from deepsynth.training.production_trainer import DeepSynthProductionTrainer


def test_a_step_counts_what_it_read(config, rows):
    trainer = DeepSynthProductionTrainer(config)
    batches = [trainer.collator([rows[0], rows[1]]), trainer.collator([rows[2]])]
    step = trainer._stepper.step(batches, 0, 1, listen=True)
    assert (step.examples, step.last) == (3, True)
    assert step.tokens == sum(batch.num_tokens for batch in batches)
    assert step.visual_tokens == 3 * 21
    assert step.pixels == 3 * 128 * 128
    assert step.label_tokens == sum(batch.num_label_tokens for batch in batches)
    assert step.experts["busiest_expert"] >= 1


def test_nobody_listens_to_the_routers_unasked(config, rows):
    trainer = DeepSynthProductionTrainer(config)
    assert trainer._stepper.step([trainer.collator([rows[0]])], 0, 1).experts == {}


def test_rows_whose_summaries_were_cut_away_are_named(config, rows):
    trainer = DeepSynthProductionTrainer(config)
    batch = trainer.collator([rows[0]])
    batch.labels.fill_(-100)
    with pytest.raises(TrainingError, match="rows row-0 hold no label token"):
        trainer._stepper.step([type(batch)(**{**batch.as_mapping(), "num_label_tokens": 0})], 0, 1)


@pytest.mark.parametrize("batching", ["padded", "packed"])
def test_the_balance_loss_is_the_same_however_a_step_is_cut_into_batches(config, rows, tmp_path, batching):
    values = {"balance_loss": 1.0, "batching": batching, "max_steps": 2, "data": {"pad_to_multiple_of": 64}}
    large = DeepSynthProductionTrainer(config.override({**values, "batch_size": 8, "output_dir": tmp_path / "large"}))
    small = DeepSynthProductionTrainer(
        config.override({**values, "gradient_accumulation_steps": 4, "batch_size": 2, "output_dir": tmp_path / "small"})
    )
    large.train(rows)
    small.train(rows)
    assert large.losses == pytest.approx(small.losses, rel=1e-3)
