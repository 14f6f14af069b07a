import io
import json
import logging

import pytest

from deepsynth.web.journal import write_log


@pytest.fixture(autouse=True)
def the_root_logger_stays_as_it_is():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


def test_each_line_is_an_object_without_tokens():
    stream = io.StringIO()
    write_log("json", stream, "INFO")
    logging.getLogger("deepsynth.web").warning("job %s said hf_%s", "7", "a" * 30)
    try:
        raise ValueError("hf_" + "b" * 30)
    except ValueError:
        logging.getLogger("deepsynth.jobs").exception("it failed")
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert (first["level"], first["logger"], first["message"]) == ("warning", "deepsynth.web", "job 7 said [redacted]")
    assert first["at"].endswith("+00:00")
    assert "ValueError: [redacted]" in second["error"]


def test_lines_for_people_are_those_of_the_command_line():
    stream = io.StringIO()
    write_log("text", stream)
    logging.getLogger("x").info("not shown")
    logging.getLogger("x").warning("the queue waits for hf_%s", "a" * 30)
    assert stream.getvalue() == "WARNING: the queue waits for [redacted]\n"
