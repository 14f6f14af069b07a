from collections import Counter

import numpy as np
import pytest

from deepsynth.data.shards import SCHEMA, picture, write_shard
from deepsynth.data.statistics import _quantiles, measure

ROW = {name: "x" for name in SCHEMA.names if name not in ("original_index", "pages")} | {"original_index": 4}


def test_lengths_pages_and_languages_are_counted_over_all_shards(tmp_path):
    rows = [
        {
            **ROW,
            "text": "word " * count,
            "summary": "two words",
            "language": "fr" if count % 2 else "de",
            "pages": [picture(b"p")] * 2,
        }
        for count in range(1, 101)
    ]
    write_shard(tmp_path / "a.parquet", rows[:60])
    write_shard(tmp_path / "b.parquet", rows[60:])
    found = measure([tmp_path / "a.parquet", tmp_path / "b.parquet"])
    assert found["lengths"]["document words"] == {"p5": 5, "p50": 50, "p95": 95, "mean": 50.5}
    assert found["lengths"]["pages"] == {"p5": 2, "p50": 2, "p95": 2, "mean": 2}
    assert found["lengths"]["compression"]["p50"] == pytest.approx(250 / 9, abs=0.1)
    assert found["languages"] == {"fr": 50, "de": 50}


def test_rows_without_summary_or_pages_leave_those_measures_out(tmp_path):
    write_shard(tmp_path / "a.parquet", [{**ROW, "summary": None, "pages": None}])
    assert set(measure([tmp_path / "a.parquet"])["lengths"]) == {"document characters", "document words"}


def test_quantiles_from_counts_equal_those_of_the_values():
    values = np.random.default_rng(3).integers(0, 50, 999)
    found = _quantiles(Counter(values.tolist()), 1.0)
    for name, share in (("p5", 0.05), ("p50", 0.5), ("p95", 0.95)):
        assert found[name] == np.quantile(values, share, method="inverted_cdf")
