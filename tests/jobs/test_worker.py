import json

import pytest

from deepsynth.core.control import Control
from deepsynth.core.documents import Progress
from deepsynth.core.errors import InputError, Paused
from deepsynth.jobs.worker import JobReporter, work


def outcome(folder):
    return json.loads((folder / "outcome.json").read_text())


def test_a_result_is_printed_and_written_down(tmp_path, capsys):
    assert work(tmp_path, lambda reporter, control: "wrote x", may_stop=False) == 0
    assert outcome(tmp_path) == {"result": "wrote x"}
    assert "wrote x" in capsys.readouterr().out


def test_an_expected_error_has_its_words_and_its_code(tmp_path):
    def fail(reporter, control):
        raise InputError("no rows", field="data.path")

    assert work(tmp_path, fail, may_stop=False) == 2
    assert outcome(tmp_path) == {"error": "InputError", "detail": "no rows", "field": "data.path", "expected": True}


def test_a_fault_is_written_down_with_its_class_and_traced_in_the_log(tmp_path, capsys):
    assert work(tmp_path, lambda reporter, control: {}["missing"], may_stop=False) == 1
    assert outcome(tmp_path)["error"] == "KeyError"
    assert "Traceback" in capsys.readouterr().err


def test_work_that_knows_nothing_of_pauses_stops_where_it_tells_progress(tmp_path):
    def run(reporter, control):
        reporter.progress(Progress(done=1, total=10, message="writing"))
        (tmp_path / "control").write_text("pause")
        for done in range(2, 10_000_000):
            reporter.progress(Progress(done=min(done, 10), total=10, message="writing"))
        raise AssertionError("was not stopped")

    assert work(tmp_path, run, may_stop=True) == 75
    assert "stopped after" in outcome(tmp_path)["detail"]


def test_work_with_its_own_pauses_is_only_asked(tmp_path):
    (tmp_path / "control").write_text("pause")

    def run(reporter, control):
        while not control.should_pause():
            reporter.progress(Progress(done=1, total=2))
        raise Paused("saved")

    assert work(tmp_path, run, may_stop=False) == 75
    assert outcome(tmp_path)["detail"] == "saved"


def test_progress_has_a_rate_of_this_attempt_alone_and_no_number_that_json_lacks(tmp_path):
    reporter = JobReporter(tmp_path, Control(), may_stop=False)
    reporter.progress(Progress(done=90, total=100, message="training"))
    reporter.progress(Progress(done=100, total=100, message="training", metrics={"loss": float("nan")}))
    told = json.loads((tmp_path / "progress.json").read_text())
    assert told["done"] == told["total"] == 100
    assert told["metrics"] == {"loss": None}
    assert told["per_second"] > 0
    assert told["seconds_left"] == 0


def test_a_full_disk_at_the_end_still_gives_the_code(tmp_path, capsys):
    with pytest.raises(FileNotFoundError):
        (tmp_path / "none" / "x").read_text()
    file = tmp_path / "file"
    file.touch()

    def fail(reporter, control):
        raise InputError("no rows")

    assert work(file, fail, may_stop=False) == 2
    assert "no rows" in capsys.readouterr().err
