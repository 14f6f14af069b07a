"""A store that an earlier version wrote is brought up to date with all that it held, on SQLite and on a PostgreSQL server.

`tests/assets/jobs/schema-N.sql` was written by the code that had schema N. Record the next one before a release that adds a
migration.
"""

import itertools
import json
import sqlite3
import threading
from pathlib import Path

import pytest
from tests.jobs.test_postgres import BINARIES, server

from deepsynth.jobs import JobStatus, StateManager, database, postgres
from deepsynth.jobs.postgres import _SERIAL, connect_options
from deepsynth.jobs.schema import MIGRATIONS, statements

__all__ = ["server"]  # a fixture
RECORDED = {
    int(path.stem.partition("-")[2]): path.read_text()
    for path in (Path(__file__).parents[1] / "assets" / "jobs").glob("schema-*.sql")
}
needs_server = pytest.mark.skipif(not BINARIES, reason="Debian's postgresql package is not installed")
NUMBERS = itertools.count(1)
UNFINISHED = ("queued", "starting", "running", "pausing", "cancelling")


class OldSqlite:
    """A state folder with the file of an earlier version; of version 0, with an empty one."""

    def __init__(self, folder, version):
        self.place, self.file, self.version = folder, folder / "jobs.sqlite", version
        folder.mkdir()
        self.run(
            *statements(RECORDED.get(version, ""), "INTEGER PRIMARY KEY AUTOINCREMENT"),
            f"PRAGMA user_version = {version}",
        )

    def run(self, *commands):
        connection = sqlite3.connect(self.file)
        connection.row_factory = sqlite3.Row
        rows = [connection.execute(command).fetchall() for command in commands][-1]
        connection.commit()
        connection.close()
        return [dict(row) for row in rows]

    def tables(self):
        return {row["name"] for row in self.run("SELECT name FROM sqlite_master WHERE type = 'table'")}

    def schema(self):
        names = sorted(name for name in self.tables() if not name.startswith("sqlite_"))
        columns = {name: self.run(f"PRAGMA table_info({name})") for name in names}
        return columns, self.run("SELECT name, tbl_name FROM sqlite_master WHERE type = 'index' ORDER BY name")

    def told_version(self):
        return self.run("PRAGMA user_version")[0]["user_version"]


class OldPostgres:
    """A database of its own, on the server, with the tables of an earlier version; of version 0, without any."""

    def __init__(self, server, name, version):
        driver = pytest.importorskip("pg8000.native")
        self.place, self.version = server.replace("/postgres?", f"/{name}?"), version
        admin = driver.Connection(**connect_options(server))
        admin.run(f"CREATE DATABASE {name}")
        admin.close()
        self._connect = lambda: driver.Connection(**connect_options(self.place))
        if version:
            note = "CREATE TABLE schema_version (version INTEGER NOT NULL)"
            told = f"INSERT INTO schema_version (version) VALUES ({version})"
            self.run(*statements(RECORDED[version], _SERIAL), note, told)

    def run(self, *commands):
        connection = self._connect()
        rows = [connection.run(command) for command in commands][-1]
        names = [column["name"] for column in connection.columns or ()]
        connection.close()
        return [dict(zip(names, row, strict=True)) for row in rows or ()]

    def tables(self):
        found = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        return {row["table_name"] for row in self.run(found)}

    def schema(self):
        columns = (
            "SELECT table_name, column_name, data_type, is_nullable, column_default, is_identity"
            " FROM information_schema.columns WHERE table_schema = 'public' ORDER BY table_name, ordinal_position"
        )
        return self.run(columns), self.run(
            "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"
        )

    def told_version(self):
        return self.run("SELECT version FROM schema_version")[0]["version"]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=needs_server)])
def dialect(request):
    return request.param


@pytest.fixture
def make_old(dialect, request, tmp_path):
    """Return a function that makes a store of an earlier version (0: an empty one)."""

    def make(version):
        if dialect == "sqlite":
            return OldSqlite(tmp_path / f"schema-{version}", version)
        return OldPostgres(request.getfixturevalue("server"), f"upgrade_{next(NUMBERS)}", version)

    return make


@pytest.fixture(params=sorted(RECORDED))
def old(request, make_old):
    return make_old(request.param)


def rows_of(store, table, order):
    return store.run(f"SELECT * FROM {table} ORDER BY {order}")


def test_every_row_is_kept_with_every_value(old):
    orders = {"jobs": "created_at, id", "events": "seq", "audit": "seq", "leases": "resource", "removals": "path"}
    orders |= {"kept": "path", "comparisons": "name", "hosts": "name"}
    before = {table: rows_of(old, table, orders[table]) for table in orders if table in old.tables()}
    assert len(before["jobs"]) == 6 and len(before["events"]) >= 20
    StateManager(old.place).close()
    for table, rows in before.items():
        after = rows_of(old, table, orders[table])
        assert len(after) == len(rows), table
        for was, now in zip(rows, after, strict=True):
            same = {name: now[name] for name in was}
            if old.version == 1 and table == "jobs" and was["status"] in UNFINISHED:
                assert same.pop("status") == "interrupted"
                assert same.pop("reason") == "this job was queued before runners existed"
                was = {name: value for name, value in was.items() if name in same}
            assert same == was, table
    assert old.told_version() == len(MIGRATIONS)


def test_the_schema_is_that_of_a_new_store(old, make_old):
    new = make_old(0)
    for store in (old, new):
        StateManager(store.place).close()
    assert old.schema() == new.schema()


def test_the_upgraded_store_goes_on(old):
    store = StateManager(old.place)
    jobs = {job.status: job for job in store.list_jobs()}
    paused, done = jobs[JobStatus.PAUSED], jobs[JobStatus.SUCCEEDED]
    assert [job.number for job in store.list_jobs()] == [6, 5, 4, 3, 2, 1]
    assert paused.config["data"]["path"] == '/state/artifacts/été 50% "quoted" it\'s'
    resumed = store.request(paused.id, "resume")
    assert (resumed.status, resumed.attempt) == (JobStatus.QUEUED, paused.attempt + 1)
    assert store.events()[-1]["seq"] == store.last_event()
    key = store.database.read("SELECT request_hash FROM jobs WHERE id = ?", (done.id,))[0]["request_hash"]
    again = store.create_job("training", {}, idempotency_key="12345678-a", request_hash=key)
    assert again.id == done.id
    assert store.create_job("training", {}).number == 7
    store.delete_job(done.id)
    assert store.count_jobs() == 6
    store.close()


def test_an_upgrade_that_fails_leaves_the_old_store_whole(old, monkeypatch):
    before, schema = rows_of(old, "jobs", "id"), old.schema()
    broken = (*MIGRATIONS, "ALTER TABLE jobs ADD COLUMN fresh TEXT; UPDATE no_such_table SET a = 1;")
    with monkeypatch.context() as patch:
        for module in (database, postgres):
            patch.setattr(module, "MIGRATIONS", broken)
        with pytest.raises(Exception, match="no_such_table"):
            StateManager(old.place)
    assert (rows_of(old, "jobs", "id"), old.schema()) == (before, schema)
    assert old.told_version() == old.version
    StateManager(old.place).close()
    assert old.told_version() == len(MIGRATIONS)


def test_many_that_open_it_at_once_upgrade_it_once(old):
    failures, start = [], threading.Barrier(6)

    def open_it():
        start.wait()
        try:
            StateManager(old.place).close()
        except Exception as error:  # noqa: BLE001  told below, by the thread that asserts
            failures.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert (old.told_version(), len(rows_of(old, "jobs", "id"))) == (len(MIGRATIONS), 6)


def test_on_sqlite_a_copy_of_the_old_file_is_kept(tmp_path):
    for version in RECORDED:
        if version == len(MIGRATIONS):
            continue
        old = OldSqlite(tmp_path / str(version), version)
        before = rows_of(old, "jobs", "id")
        StateManager(old.place).close()
        old.file = old.place / f"jobs.schema-{version}.backup"
        assert (old.told_version(), rows_of(old, "jobs", "id")) == (version, before)


def test_released_migrations_have_not_been_edited(tmp_path):
    """The columns that the first N migrations make are those that the code of that time made."""
    for version in RECORDED:
        recorded = OldSqlite(tmp_path / f"recorded-{version}", version)
        made = sqlite3.connect(tmp_path / f"made-{version}")
        for script in MIGRATIONS[:version]:
            for statement in statements(script, "INTEGER PRIMARY KEY AUTOINCREMENT"):
                made.execute(statement)
        for table in recorded.tables():
            columns = [tuple(row.values()) for row in recorded.run(f"PRAGMA table_info({table})")]
            assert made.execute(f"PRAGMA table_info({table})").fetchall() == columns, (version, table)
        made.close()


def test_a_recorded_store_holds_every_kind_of_state():
    for version, script in RECORDED.items():
        assert all(f"'{status}'" in script for status in ("succeeded", "failed", "paused", "running", "cancelled")), (
            version
        )
        assert json.dumps({"loss": 3.25}) in script
