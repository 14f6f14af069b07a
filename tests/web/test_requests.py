from deepsynth.jobs import Needs
from deepsynth.web.forms import verb_of
from deepsynth.web.inventory import identify
from deepsynth.web.requests import JobRequest, create, needs_of, parent_of


def test_a_job_that_starts_from_anothers_result_names_it(services):
    other = services.place.artifacts / "0123456789abcdef" / "checkpoint-5"
    assert parent_of(services, {"model": str(other)}) == "0123456789abcdef"
    assert parent_of(services, {"model": "nano", "data": {"path": str(other)}}) == "0123456789abcdef"
    assert parent_of(services, {"model": "nano", "data": {"path": "/elsewhere"}}) == ""


def test_accelerators_are_needed_where_there_are_some(services):
    assert needs_of(services, verb_of("training")) == Needs(cpu=1, gpu=0)
    services.scheduler.capacity["gpu"] = 2
    assert needs_of(services, verb_of("training")) == Needs(cpu=1, gpu=1)
    assert needs_of(services, verb_of("dataset")) == Needs(cpu=1, gpu=0)


def test_what_the_work_reads_is_written_before_the_job_exists(services, dataset):
    settings = {"model": "tiny", "data.path": f"dataset:{identify(dataset)}"}
    job, new = create(services, JobRequest(kind="training", settings=settings), None)
    assert new
    spec = services.executor.folder(job.id).spec()
    assert spec["config"] == job.config
    assert spec["output"] == job.output == str(services.place.artifacts / job.id)
