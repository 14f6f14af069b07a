import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepsynth.core.errors import InputError
from deepsynth.jobs import IllegalMoveError, Job, JobStatus, Needs
from deepsynth.jobs.queueing import choose_leases


def job(name: str, cpu: int, gpu: int) -> Job:
    needs = Needs(cpu=cpu, gpu=gpu)
    return Job(
        id=name, kind="x", status=JobStatus.QUEUED, attempt=1, config={}, created_at="", updated_at="", needs=needs
    )


def test_the_first_that_fits_starts_with_free_resources():
    assert choose_leases([job("a", 1, 1)], {"cpu": 2, "gpu": 2}, {"gpu:0", "cpu:1"}) == (
        job("a", 1, 1),
        ["cpu:0", "gpu:1"],
    )


def test_nothing_starts_when_a_part_of_what_it_needs_is_taken():
    assert choose_leases([job("a", 1, 1)], {"cpu": 1, "gpu": 1}, {"gpu:0"}) is None


def test_a_job_without_accelerator_passes_one_that_waits_for_it():
    found = choose_leases([job("big", 1, 1), job("light", 1, 0)], {"cpu": 2, "gpu": 1}, {"gpu:0"})
    assert found is not None
    assert found[0].id == "light"


def test_a_small_job_does_not_take_what_a_large_one_waits_for():
    waiting = [job("large", 1, 2), job("small", 1, 1)]
    assert choose_leases(waiting, {"cpu": 4, "gpu": 2}, {"gpu:0"}) is None


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=6),
    st.integers(0, 3),
    st.integers(0, 3),
    st.sets(st.sampled_from(["cpu:0", "cpu:1", "gpu:0", "gpu:1"])),
)
def test_leases_are_always_free_ones_of_the_machine_and_exactly_as_many_as_needed(needs, cpu, gpu, held):
    jobs = [job(str(number), *pair) for number, pair in enumerate(needs)]
    found = choose_leases(jobs, {"cpu": cpu, "gpu": gpu}, held)
    if found is None:
        return
    chosen, leases = found
    assert not set(leases) & held
    assert len(set(leases)) == len(leases) == chosen.needs.cpu + chosen.needs.gpu
    assert sum(name.startswith("cpu") for name in leases) == chosen.needs.cpu
    assert all(int(name.split(":")[1]) < {"cpu": cpu, "gpu": gpu}[name.split(":")[0]] for name in leases)


def test_one_that_this_machine_can_never_hold_waits_for_another_and_holds_up_nobody():
    jobs = [job("big", 1, 1), job("light", 1, 0)]
    assert choose_leases(jobs, {"cpu": 1, "gpu": 0}, ()) == (jobs[1], ["cpu:0"])


def test_the_queue_is_ordered_by_hand_and_only_waiting_jobs_have_a_place(store):
    jobs = [store.create_job("training", {}) for _ in range(3)]
    assert [job.id for job in store.queue.reorder([jobs[2].id, jobs[1].id])] == [jobs[2].id, jobs[1].id, jobs[0].id]
    store.request(jobs[0].id, "cancel")
    with pytest.raises(IllegalMoveError, match="only waiting jobs"):
        store.queue.reorder([jobs[0].id])
    with pytest.raises(InputError, match="twice"):
        store.queue.reorder([jobs[1].id, jobs[1].id])


def test_a_claimed_job_holds_no_lease_and_no_longer_waits(store):
    job = store.create_job("training", {})
    assert store.queue.claim(job.id, "elsewhere").host == "elsewhere"
    assert (store.queue.waiting(), store.queue.leases("elsewhere")) == ([], {})
    with pytest.raises(IllegalMoveError, match="is starting"):
        store.queue.claim(job.id)
