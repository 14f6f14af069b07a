import pytest
from tests.web.test_inventory import checkpoint

from deepsynth.web.errors import ConflictError
from deepsynth.web.removing import in_use, remove_folder


@pytest.fixture
def model(services):
    path = checkpoint(services.place.artifacts / "0123456789abcdef", 5)
    (found,) = services.inventory.models()
    assert found.path == path
    return found


def test_a_folder_goes_and_says_what_it_freed(services, model):
    assert remove_folder(services, model) == model.facts["bytes"]
    assert not model.path.exists()
    assert list(model.path.parent.iterdir()) == []


def test_what_a_waiting_job_reads_or_writes_stays(services, model):
    reader = services.store.create_job("training", {"data": {"x": str(model.path)}})
    assert in_use(services, model.path) == reader.id
    with pytest.raises(ConflictError, match=reader.id):
        remove_folder(services, model)
    services.store.request(reader.id, "cancel")
    assert in_use(services, model.path) is None
    writer = services.store.create_job("training", {}, output=str(model.path.parent))
    assert in_use(services, model.path) == writer.id


def test_what_is_kept_stays(services, model):
    services.records.keep(str(model.path), wanted=True)
    with pytest.raises(ConflictError, match="kept"):
        remove_folder(services, model)
