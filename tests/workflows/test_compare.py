import json

import pytest

from deepsynth.cli.app import main
from deepsynth.core.errors import InputError, QualityError
from deepsynth.workflows.compare import CompareConfig, run


def write_run(folder, scores):
    rows = [{"id": str(n), "reference": "r", "scores": {"rougeL": value}} for n, value in enumerate(scores)]
    folder.mkdir(parents=True)
    (folder / "report.json").write_text(json.dumps({"tokenizer": "t", "data_fingerprint": "f", "rows": rows}))
    return folder


@pytest.fixture
def runs(tmp_path):
    good = [30.0, 40, 50, 35, 45, 30, 28, 44, 39, 50]
    return write_run(tmp_path / "a", good), write_run(tmp_path / "b", [value - 4 for value in good])


def test_two_runs_are_compared_in_words_and_as_json(runs, tmp_path, reporter):
    text = run(CompareConfig(runs=runs, out=tmp_path / "c.json"), reporter).describe()
    assert "-4.00 [-4.00, -4.00]" in text
    assert "worse" in text
    assert json.loads((tmp_path / "c.json").read_text())["metrics"]["rougeL"]["verdict"] == "worse"


def test_floors_and_losses_fail(runs, reporter):
    run(CompareConfig(runs=runs, fail_under={"rougeL": 30}), reporter)
    with pytest.raises(QualityError, match=r"rougeL is 35\.10, under 36; rougeL is clearly worse"):
        run(CompareConfig(runs=runs, fail_under={"rougeL": 36}, fail_if_worse=("rougeL",)), reporter)
    assert "| ROUGE-L |" in reporter.messages[-1]
    run(CompareConfig(runs=runs[::-1], fail_if_worse=("rougeL",)), reporter)


def test_wrong_calls_are_named(runs, reporter):
    with pytest.raises(InputError, match="name two runs, A and B, not 1"):
        run(CompareConfig(runs=runs[:1]), reporter)
    with pytest.raises(InputError, match="no score 'rouge9' in both runs"):
        run(CompareConfig(runs=runs, fail_if_worse=("rouge9",)), reporter)


def test_more_seeds_may_stand_on_either_side(runs, tmp_path, reporter):
    more = write_run(tmp_path / "a2", [36.0] * 10)
    text = run(CompareConfig(runs=runs, seeds_a=(more,)), reporter).describe()
    assert f"{runs[0]}, {more}" in text


def test_the_exit_code_tells_a_pipeline(runs, capsys):
    first, second = map(str, runs)
    assert main(["compare", first, second]) == 0
    assert "| ROUGE-L |" in capsys.readouterr().out
    assert main(["compare", first, second, "--fail-under.rougeL", "36"]) == 1
    assert "rougeL is 35.10, under 36" in capsys.readouterr().err
    assert main(["compare", first, second, "--fail-if-worse", "rougeL"]) == 1
    assert main(["compare", first, "gone"]) == 2
