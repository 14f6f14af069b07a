from deepsynth.jobs.schema import MIGRATIONS, statements


def test_each_migration_splits_into_statements_with_the_databases_own_counter():
    for script in MIGRATIONS:
        found = statements(script, "COUNTER")
        assert found
        assert not any("{serial}" in statement or ";" in statement for statement in found)
    assert "seq COUNTER" in statements(MIGRATIONS[0], "COUNTER")[1]
