from deepsynth.workflows.prepare import PrepareConfig, run


def test_the_result_counts_what_was_kept_and_what_was_not(tmp_path, reporter):
    (tmp_path / "rows.csv").write_text(
        "text,summary\n" + "A text about the harbor lamp and its keeper,keeper of a lamp\n" * 2
    )
    values = {"source": str(tmp_path / "rows.csv"), "out": tmp_path / "out", "cleaning": {"min_compression": 1.0}}
    result = run(PrepareConfig.parse(values), reporter)
    assert sum(result.splits.values()) == 1
    assert "kept out 1 rows (1 duplicate-document)" in result.describe()
    assert str(tmp_path / "out") in result.describe()
