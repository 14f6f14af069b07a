import pytest
import torch

from deepsynth.core.errors import InputError
from deepsynth.training.examples import NamedExamples
from deepsynth.training.loader import epoch_batches, epoch_loader
from deepsynth.training.sampler import EpochSampler


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_come_in_the_samplers_order_and_draw_nothing_from_the_global_generator(workers, rows):
    sampler = EpochSampler(len(rows), 2, seed=5)
    sampler.set_place(1, 1)
    before = torch.get_rng_state()
    loader = epoch_loader(rows, sampler, _ids, workers=workers, pin_memory=False)
    assert [batch.tolist() for batch in loader] == list(sampler)
    assert torch.equal(torch.get_rng_state(), before)


def _ids(examples):
    return torch.tensor([int(example.id.removeprefix("row-")) for example in examples])


class Broken:
    def __len__(self) -> int:
        return 4

    def __getitem__(self, index):
        raise KeyError("summary")


@pytest.mark.parametrize("workers", [0, 1])
def test_a_row_that_cannot_be_read_is_named_in_one_line(workers):
    batches = epoch_batches(
        NamedExamples(Broken()), EpochSampler(4, 2, seed=5), _ids, workers=workers, pin_memory=False
    )
    with pytest.raises(InputError, match=r"^example \d cannot be read: KeyError\('summary'\)$"):
        next(batches)
