import pytest

from deepsynth.jobs import JobStatus, Needs, UnknownJobError
from deepsynth.jobs.rows import one_of, read_job, where


def test_conditions_keep_the_kinds_and_states_that_are_named_and_all_where_none_is():
    assert one_of() == ([], [])
    assert where([]) == ""
    conditions, values = one_of(["training", "export"], [JobStatus.PAUSED])
    assert where(conditions) == " WHERE kind IN (?, ?) AND status IN (?)"
    assert values == ["training", "export", "paused"]


def test_a_row_gives_the_job_back_with_every_value(store):
    made = store.create_job("training", {"a": [1, None]}, name="n", output="/o", parent="p", needs=Needs(cpu=2, gpu=1))
    with store.database.write() as transaction:
        found = read_job(transaction, made.id)
    assert found == made == store.get_job(made.id)
    assert (found.config, found.needs, found.leases) == ({"a": [1, None]}, Needs(cpu=2, gpu=1), ())


def test_an_unknown_id_is_named(store):
    with store.database.write() as transaction, pytest.raises(UnknownJobError, match="no job 'feed'; list them"):
        read_job(transaction, "feed")
