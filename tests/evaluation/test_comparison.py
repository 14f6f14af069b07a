import json

import numpy as np
import pytest

from deepsynth.core.errors import InputError
from deepsynth.evaluation.comparison import check_floors, compare_runs, failures, read_run, verdict
from deepsynth.evaluation.uncertainty import Difference

GENERATOR = np.random.default_rng(0)
BASE = GENERATOR.normal(30, 10, 40)


def write_run(folder, scores, **changed):
    rows = [
        {
            "id": f"r{number}",
            "reference": f"text {number}",
            "scores": {name: float(v[number]) for name, v in scores.items()},
        }
        for number in range(len(BASE))
    ]
    values = {"tokenizer": "t", "data_fingerprint": "f", "rows": rows} | changed
    folder.mkdir(exist_ok=True)
    (folder / "report.json").write_text(json.dumps(values))
    return folder


def test_a_clear_loss_is_called_worse_and_noise_is_not(tmp_path):
    repetition = GENERATOR.uniform(0, 10, 40)
    first = write_run(tmp_path / "a", {"rougeL": BASE, "rouge1": BASE, "repetition": repetition, "words": BASE})
    noise = GENERATOR.normal(0, 1, 40)
    second = write_run(
        tmp_path / "b",
        {"rougeL": BASE - 2, "rouge1": BASE + noise - noise.mean(), "repetition": repetition + 5, "words": BASE + 3},
    )
    comparison = compare_runs([read_run(first)], [read_run(second)])
    assert comparison.worse() == ["rougeL", "repetition"]
    assert comparison.means["rougeL"][1] - comparison.means["rougeL"][0] == pytest.approx(-2)
    table = comparison.to_markdown()
    assert "| ROUGE-L |" in table
    assert "-2.00 [-2.00, -2.00]" in table
    assert table.count("no clear difference") == 1
    assert comparison.to_values()["metrics"]["words"]["verdict"] == "larger"


@pytest.mark.parametrize(
    ("metric", "mean", "word"),
    [
        ("rougeL", 2, "better"),
        ("rougeL", -2, "worse"),
        ("cer", -2, "better"),
        ("cer", 2, "worse"),
        ("words", -2, "smaller"),
    ],
)
def test_better_depends_on_the_metrics_direction(metric, mean, word):
    assert verdict(metric, Difference(mean=mean, low=mean - 1, high=mean + 1, p_value=0.01)) == word
    assert verdict(metric, Difference(mean=mean, low=-5, high=5, p_value=0.5)) == "no clear difference"


def test_seeds_of_each_side_are_compared_together(tmp_path):
    before = [read_run(write_run(tmp_path / f"a{seed}", {"rougeL": BASE + seed})) for seed in range(2)]
    after = [read_run(write_run(tmp_path / f"b{seed}", {"rougeL": BASE + 5 + seed})) for seed in range(3)]
    comparison = compare_runs(before, after)
    assert comparison.differences["rougeL"].mean == pytest.approx(5.5)
    assert comparison.after.count(",") == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows.pop(), "hold 40 and 39 rows"),
        (lambda rows: rows[3].update(id="other"), "differ in row 3: 'r3' and 'other'"),
        (lambda rows: rows[5].update(reference="other"), "different references for row 'r5'"),
    ],
)
def test_other_rows_are_refused(tmp_path, change, message):
    first = write_run(tmp_path / "a", {"rougeL": BASE})
    rows = json.loads((first / "report.json").read_text())["rows"]
    change(rows)
    second = write_run(tmp_path / "b", {}, rows=rows)
    with pytest.raises(InputError, match=message):
        compare_runs([read_run(first)], [read_run(second)])


def test_another_tokenizer_or_no_common_score_is_refused(tmp_path):
    first = read_run(write_run(tmp_path / "a", {"rougeL": BASE}))
    with pytest.raises(InputError, match=r"cut words differently \(t, u\)"):
        compare_runs([first], [read_run(write_run(tmp_path / "b", {"rougeL": BASE}, tokenizer="u"))])
    with pytest.raises(InputError, match="no metric in common"):
        compare_runs([first], [read_run(write_run(tmp_path / "c", {"rouge1": BASE}))])


@pytest.mark.parametrize("content", ["{", "{}", '{"rows": [{"id": "a"}]}'])
def test_what_is_no_report_is_named(tmp_path, content):
    (tmp_path / "report.json").write_text(content)
    with pytest.raises(InputError, match="is no report with scores by row"):
        read_run(tmp_path)
    with pytest.raises(InputError, match="no report at"):
        read_run(tmp_path / "gone")


def test_floors_are_ceilings_where_low_is_good():
    means = {"rougeL": 24.0, "repetition": 3.0}
    assert failures(means, {"rougeL": 24, "repetition": 3}) == []
    assert failures(means, {"rougeL": 25, "repetition": 2}) == [
        "rougeL is 24.00, under 25",
        "repetition is 3.00, over 2",
    ]
    with pytest.raises(InputError, match="no score 'rougel' to hold against its floor; measured: rougeL, repetition"):
        failures(means, {"rougel": 1})


def test_a_floor_of_no_metric_is_refused_before_anything_is_measured():
    check_floors({"rougeL": 24, "repetition": 3})
    with pytest.raises(InputError, match="no metric 'rougel' to set a floor for; metrics: rouge1, rouge2, rougeL"):
        check_floors({"rougeL": 1, "rougel": 1})
