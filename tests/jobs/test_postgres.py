"""The same store on PostgreSQL: a real server from Debian's package, in a folder and on a socket of its own."""

import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deepsynth.core.errors import StorageError
from deepsynth.jobs import IllegalMoveError, JobStatus, StateManager
from deepsynth.jobs.folder import ExitRecord
from deepsynth.jobs.postgres import connect_options, translate

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
pytestmark = pytest.mark.skipif(not BINARIES, reason="Debian's postgresql package is not installed")
USER = "postgres" if os.geteuid() == 0 else None


def call(command, **options):
    subprocess.run([str(part) for part in command], check=True, capture_output=True, user=USER, cwd="/", **options)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    pytest.importorskip("pg8000")
    folder = Path("/tmp") / f"deepsynth-pg-{os.getpid()}"
    folder.mkdir()
    if USER:
        shutil.chown(folder, USER)
    tools, data = BINARIES[-1], folder / "data"
    call([tools / "initdb", "-D", data, "-U", "deepsynth", "--auth=trust", "--no-sync"])
    options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
    call([tools / "pg_ctl", "-D", data, "-o", options, "-l", folder / "log", "-w", "start"])
    yield f"postgresql://deepsynth@/postgres?host={folder}"
    call([tools / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop"])
    shutil.rmtree(folder)


@pytest.fixture
def store(server):
    manager = StateManager(server)
    yield manager
    with manager.database.write() as transaction:
        for table in ("jobs", "events", "leases", "removals", "kept", "audit", "comparisons"):
            transaction.run(f"DELETE FROM {table}")
    manager.close()


def test_a_jobs_whole_life_reads_as_on_sqlite(store):
    job = store.create_job("training", {"a": 1}, idempotency_key="12345678", request_hash="x")
    assert store.create_job("training", {"a": 1}, idempotency_key="12345678", request_hash="x").id == job.id
    started = store.queue.start_next({"cpu": 1, "gpu": 0})
    assert started is not None
    assert (started.id, started.leases) == (job.id, ("cpu:0",))
    assert store.queue.start_next({"cpu": 1, "gpu": 0}) is None
    store.move_job(job.id, JobStatus.RUNNING, attempt=1)
    assert store.set_progress(job.id, 1, {"done": 3, "total": 9})
    assert store.request(job.id, "pause").status is JobStatus.PAUSING
    store.settle([(store.get_job(job.id), ExitRecord(status=JobStatus.INTERRUPTED, reason="saved"))])
    paused = store.get_job(job.id)
    assert (paused.status, paused.reason, paused.leases, paused.progress["done"]) == (JobStatus.PAUSED, "saved", (), 3)
    assert store.request(job.id, "resume").attempt == 2
    assert not store.set_progress(job.id, 1, {"done": 4})
    with pytest.raises(IllegalMoveError, match="attempt 1 is over"):
        store.move_job(job.id, JobStatus.STARTING, attempt=1)
    store.request(job.id, "cancel")
    store.delete_job(job.id, remove=["/x"])
    assert store.removals() == ["/x"]
    states = [event["status"] for event in store.events()]
    assert states == ["queued", "starting", "running", "pausing", "paused", "queued", "cancelled", "cancelled"]


def test_of_many_racers_one_wins(store):
    job = store.create_job("training", {})

    def start(_):
        try:
            store.queue.claim(job.id)
        except IllegalMoveError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(start, range(16))) == 1


def test_lists_orders_and_counts_as_on_sqlite(store):
    jobs = [store.create_job(kind, {}) for kind in ("training", "dataset", "training")]
    assert [job.id for job in store.list_jobs(kinds=["training"], limit=5)] == [jobs[2].id, jobs[0].id]
    assert store.count_jobs(statuses=[JobStatus.QUEUED]) == 3
    assert [job.id for job in store.queue.reorder([jobs[2].id])] == [jobs[2].id, jobs[0].id, jobs[1].id]
    assert [job.id for job in store.list_jobs(before=jobs[1].number)] == [jobs[0].id]


def test_opening_twice_migrates_once_and_a_newer_schema_is_refused(store, server):
    StateManager(server).close()
    with store.database.write() as transaction:
        transaction.run("UPDATE schema_version SET version = version + 1")
    with pytest.raises(StorageError, match="newer DeepSynth"):
        StateManager(server)
    with store.database.write() as transaction:
        transaction.run("UPDATE schema_version SET version = version - 1")


def test_a_server_that_does_not_answer_is_an_error_without_its_password():
    with pytest.raises(StorageError, match="DEEPSYNTH_STORE does not answer") as caught:
        StateManager("postgresql://somebody:pass-word@/none?host=/nowhere")
    assert "pass-word" not in str(caught.value)


def test_a_transaction_that_fails_leaves_nothing_and_the_store_goes_on(store):
    with pytest.raises(ZeroDivisionError), store.database.write() as transaction:
        transaction.run("INSERT INTO kept (path) VALUES (?)", ("/half",))
        raise ZeroDivisionError
    assert store.database.read("SELECT path FROM kept WHERE path LIKE '%half'") == []
    assert store.create_job("training", {}).number == 1


def test_a_lost_connection_is_an_error_to_try_again_after(store):
    with pytest.raises(StorageError, match="cannot be used just now"), store.database.write() as transaction:
        transaction.run("SELECT pg_terminate_backend(pg_backend_pid())")
    assert store.count_jobs() == 0


def test_a_user_whom_the_server_does_not_know_is_named(server):
    with pytest.raises(StorageError, match=r"refuses the connection: .*nobody-here"):
        StateManager(server.replace("deepsynth@", "nobody-here@"))


def test_a_url_gives_the_drivers_options():
    options = connect_options("postgresql://a%40b:p%2Fw@db.example:6000/jobs?sslmode=disable")
    assert (options["user"], options["password"], options["database"]) == ("a@b", "p/w", "jobs")
    assert (options["host"], options["port"], options["ssl_context"]) == ("db.example", 6000, False)
    assert connect_options("postgresql://a@h/jobs?sslmode=verify-full")["ssl_context"].check_hostname
    assert connect_options("postgresql://a@h/jobs?sslmode=require")["ssl_context"] is True
    assert connect_options("postgresql://a@/jobs?host=/run/pg")["unix_sock"] == "/run/pg/.s.PGSQL.5432"


def test_the_password_may_lie_in_a_file(tmp_path):
    (tmp_path / "password").write_text("s p/cret\n")
    url = f"postgresql://a@h/jobs?password_file={tmp_path}/password"
    assert connect_options(url)["password"] == "s p/cret"
    with pytest.raises(StorageError, match=r"cannot read the password in .*/none: No such file"):
        connect_options(url.replace("/password", "/none"))


@pytest.mark.parametrize(("query", "named"), [("sslmode=maybe", "sslmode=maybe"), ("colour=red", "colour")])
def test_an_option_that_is_not_known_is_refused_without_the_password(query, named):
    with pytest.raises(StorageError, match=named) as caught:
        connect_options(f"postgresql://a:pass-word@h/jobs?{query}")
    assert "pass-word" not in str(caught.value)


def test_statements_are_translated():
    assert translate("SELECT GROUP_CONCAT(a, ' ') FROM t WHERE b = ? AND c = ?") == (
        "SELECT STRING_AGG(a, ' ') FROM t WHERE b = :v1 AND c = :v2"
    )


def test_a_port_that_is_no_number_is_refused_without_the_password():
    with pytest.raises(StorageError, match="the port is no number") as caught:
        connect_options("postgresql://a:pass-word@h:abc/jobs")
    assert "pass-word" not in str(caught.value)
