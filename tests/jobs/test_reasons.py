import pytest

from deepsynth.jobs import JobStatus
from deepsynth.jobs.reasons import count_memory_kills, describe_end

_S = JobStatus


@pytest.mark.parametrize(
    ("code", "outcome", "options", "status", "words"),
    [
        (0, {"result": "wrote x"}, {}, _S.SUCCEEDED, ""),
        (75, {"error": "Paused", "detail": "paused after step 3"}, {}, _S.INTERRUPTED, "paused after step 3"),
        (75, None, {}, _S.INTERRUPTED, "asked to"),
        (1, {"error": "TrainingError", "detail": "step 3: the loss is nan", "expected": True}, {}, _S.FAILED, "loss is nan"),
        (2, {"error": "InputError", "detail": "no dataset at x", "expected": True}, {}, _S.FAILED, "no dataset"),
        (1, {"error": "KeyError", "detail": "'x'"}, {}, _S.FAILED, "KeyError: 'x'"),
        (1, {"error": "OutOfMemoryError", "detail": "tried 2 GiB"}, {}, _S.FAILED, "gradient_checkpointing"),
        (1, {"error": "TrainingError", "detail": "rows a failed: CUDA out of memory", "expected": True}, {}, _S.FAILED, "batch_size"),
        (1, {"error": "MemoryError", "detail": ""}, {}, _S.FAILED, "out of memory"),
        (1, {"error": "OSError", "detail": "[Errno 28] No space left on device"}, {}, _S.FAILED, "the disk is full"),
        (2, {"error": "StorageError", "detail": "cannot write x: the disk is full", "expected": True}, {}, _S.FAILED, "disk is full"),
        (-9, None, {}, _S.INTERRUPTED, "SIGKILL"),
        (-11, None, {}, _S.INTERRUPTED, "SIGSEGV"),
        (-9, None, {"out_of_memory": True}, _S.FAILED, "ran out of memory"),
        (-9, None, {"killed_because": "it did not stop"}, _S.INTERRUPTED, "it did not stop"),
        (3, None, {}, _S.FAILED, "exit code 3"),
    ],
)  # fmt: skip
def test_each_end_has_its_state_and_its_words(code, outcome, options, status, words):
    record = describe_end(code, outcome, mark=5, **options)
    assert record.status is status
    assert words in record.reason
    assert record.mark == 5


def test_kills_for_memory_are_counted_where_the_kernel_tells(tmp_path):
    assert count_memory_kills(tmp_path) == 0
    (tmp_path / "memory.events").write_text("low 0\noom 3\noom_kill 2\n")
    assert count_memory_kills(tmp_path) == 2
