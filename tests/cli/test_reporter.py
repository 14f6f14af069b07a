from deepsynth.cli.reporter import ConsoleReporter
from deepsynth.core.documents import Progress


def test_without_a_terminal_progress_is_a_line_with_rate_and_time_left(monkeypatch, capsys):
    monkeypatch.setattr("deepsynth.cli.reporter.LINE_INTERVAL", 0.0)
    with ConsoleReporter() as reporter:
        reporter.progress(Progress(done=0, total=10, message="rendering"))
        reporter.progress(Progress(done=5, total=10, message="rendering", metrics={"loss": 1.5}))
    first, line = capsys.readouterr().err.splitlines()
    assert first == "rendering: 0/10"  # nothing to tell a speed from yet
    assert line.startswith("rendering: 5/10")
    assert "/s" in line
    assert "left" in line
    assert "loss 1.5" in line


def test_lines_are_far_apart(capsys):
    with ConsoleReporter() as reporter:
        for done in range(100):
            reporter.progress(Progress(done=done, total=100, message="rendering"))
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_results_go_to_stdout_and_messages_to_stderr(capsys):
    class Result:
        def describe(self) -> str:
            return "wrote 3 pages"

    with ConsoleReporter() as reporter:
        reporter.message("[bold] is no markup here")
        reporter.result(Result())
        reporter.result(None)
    captured = capsys.readouterr()
    assert captured.out == "wrote 3 pages\n"
    assert captured.err == "[bold] is no markup here\n"


def test_work_that_begins_anew_is_timed_anew(monkeypatch, capsys):
    clock = iter(range(1000))
    monkeypatch.setattr("deepsynth.core.progress.time.monotonic", lambda: next(clock))
    monkeypatch.setattr("deepsynth.cli.reporter.LINE_INTERVAL", 0.0)
    with ConsoleReporter() as reporter:
        for done in (5, 500, 5, 15):
            reporter.progress(Progress(done=done, total=500, message="training"))
    last = capsys.readouterr().err.splitlines()[-1]
    assert "15/500" in last
    assert float(last.partition("/s")[0].split()[-1]) < 10, "of 10 items since it began anew, not of 500"
