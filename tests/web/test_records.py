import pytest

from deepsynth.jobs import StateManager
from deepsynth.web import records
from deepsynth.web.errors import UnknownThingError
from deepsynth.web.records import Records


@pytest.fixture
def book(tmp_path):
    store = StateManager(tmp_path)
    yield Records(store.database)
    store.close()


def test_the_audit_keeps_the_newest(book, monkeypatch):
    monkeypatch.setattr(records, "AUDIT_KEPT", 3)
    for number in range(5):
        book.audit("POST", f"/{number}", 200, "127.0.0.1")
    assert [row["path"] for row in book.audited(10)] == ["/4", "/3", "/2"]


def test_models_are_kept_until_they_are_not(book):
    book.keep("/m", wanted=True)
    book.keep("/m", wanted=True)
    assert book.kept() == {"/m"}
    book.keep("/m", wanted=False)
    assert book.kept() == set()


def test_comparisons_are_saved_replaced_and_forgotten(book):
    book.save_comparison("a", {"jobs": ["x"], "view": {}})
    book.save_comparison("a", {"jobs": ["y"], "view": {"log": True}})
    (row,) = book.comparisons()
    assert (row["name"], row["jobs"], row["view"]) == ("a", ["y"], {"log": True})
    book.delete_comparison("a")
    with pytest.raises(UnknownThingError):
        book.delete_comparison("a")


def test_comparisons_are_saved_by_name(client):
    body = {"jobs": ["0123456789abcdef"], "view": {"log": True}}
    (saved,) = client.put("/api/comparisons/two runs", json=body).json()["comparisons"]
    assert (saved["name"], saved["jobs"], saved["view"]) == ("two runs", body["jobs"], body["view"])
    assert client.delete("/api/comparisons/two runs").json() == {"comparisons": []}
    assert client.delete("/api/comparisons/two runs").status_code == 404
    assert client.put("/api/comparisons/a%2fb", json=body).status_code == 404
