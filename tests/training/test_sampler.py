import pytest

from deepsynth.training.sampler import EpochSampler


def test_an_epoch_reads_every_example_once_in_an_order_of_its_own():
    sampler = EpochSampler(12, 4, seed=1)
    first = [index for batch in sampler for index in batch]
    sampler.set_place(1, 0)
    second = [index for batch in sampler for index in batch]
    assert sorted(first) == sorted(second) == list(range(12))
    assert first != second


@pytest.mark.parametrize("start", [0, 1, 4])
def test_a_sampler_goes_on_from_any_place(start):
    whole = list(EpochSampler(23, 4, seed=7))
    rest = EpochSampler(23, 4, seed=7)
    rest.set_place(0, start)
    assert list(rest) == whole[start:]
    assert len(rest) == len(whole) - start


def test_processes_share_each_global_batch():
    wide = list(EpochSampler(24, 6, seed=3))
    shares = [list(EpochSampler(24, 3, seed=3, process=number, processes=2)) for number in range(2)]
    for batch, first, second in zip(wide, *shares, strict=True):
        assert sorted(batch) == sorted([*first, *second])
        assert not set(first) & set(second)


def test_fewer_examples_than_a_batch_give_one_short_batch():
    assert [sorted(batch) for batch in EpochSampler(3, 8, seed=0)] == [[0, 1, 2]]


def test_like_sizes_come_together_and_each_epoch_has_sizes_of_its_own():
    sizes = {0: [index % 4 for index in range(400)], 1: [index // 100 for index in range(400)]}
    sampler = EpochSampler(400, 4, seed=5, sizes=sizes.__getitem__)
    for epoch, known in sizes.items():
        sampler.set_place(epoch, 0)
        batches = list(sampler)
        assert sorted(index for batch in batches for index in batch) == list(range(400))
        assert sum(len({known[index] for index in batch}) for batch in batches) <= 106, "alike but where sizes change"
