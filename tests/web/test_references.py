import pytest

from deepsynth.core.errors import InputError
from deepsynth.web.errors import UnknownThingError
from deepsynth.web.forms import verb_of
from deepsynth.web.inventory import Inventory, identify
from deepsynth.web.references import References, path_settings


@pytest.fixture
def references(tmp_path, dataset):
    upload = tmp_path / "uploads" / "x.jsonl"
    return References(Inventory(tmp_path / "state" / "artifacts", [dataset.parent]), lambda identity: upload)


def resolve(references, kind, settings, tmp_path):
    verb = verb_of(kind)
    return verb.config_class().parse(references.resolve(verb, settings, tmp_path / "out"))


def test_references_become_paths_and_the_output_is_the_applications(references, dataset, tmp_path):
    found = resolve(
        references, "training", {"model": "nano", "data": {"path": f"dataset:{identify(dataset)}"}}, tmp_path
    )
    assert (found.data.path, found.output_dir, found.model) == (dataset, tmp_path / "out", "nano")
    found = resolve(references, "dataset", {"source": "upload:" + "a" * 16}, tmp_path)
    assert found.source == str(tmp_path / "uploads" / "x.jsonl")


@pytest.mark.parametrize("value", ["nano", "tiny", "deepseek-ai/DeepSeek-OCR", "owner/name.with-dots_1"])
def test_sizes_and_hub_ids_stay_as_they_are(references, tmp_path, dataset, value):
    given = {"model": value, "data.path": str(dataset)}
    assert resolve(references, "training", given, tmp_path).model == value


@pytest.mark.parametrize(
    "value",
    ["/etc", "../x", "~/x", "file:///etc", "owner/../../etc", "a/b/c", "", "model:../../x", "dataset:" + "g" * 16,
     "\\\\server\\share", "C:\\x", "http://169.254.169.254/", "nano\0", "a b", "-rf"],
)  # fmt: skip
def test_nothing_else_leads_to_a_model(references, tmp_path, dataset, value):
    given = {"model": value, "data.path": str(dataset)}
    if value == "":
        assert resolve(references, "training", given, tmp_path).model == ""
        return
    with pytest.raises(InputError, match="jobs read paths below") as caught:
        resolve(references, "training", given, tmp_path)
    assert caught.value.field == "model"


@pytest.mark.parametrize(
    ("kind", "settings", "field"),
    [
        ("training", {"output_dir": "/tmp/x"}, "output_dir"),
        ("dataset", {"out": "/tmp/x"}, "out"),
        ("dataset", {"source": "/etc/passwd"}, "source"),
        ("dataset", {"reading": {"lists": "/etc"}}, "reading.lists"),
        ("dataset", {"reading.cache": "/etc"}, "reading.cache"),
        ("evaluation", {"data": "/etc"}, "data"),
        ("export", {"checkpoint": "/etc"}, "checkpoint"),
    ],
)
def test_paths_outside_and_output_folders_are_refused_with_their_field(references, tmp_path, kind, settings, field):
    with pytest.raises(InputError) as caught:
        resolve(references, kind, settings, tmp_path)
    assert caught.value.field == field


def test_a_dataset_that_is_not_there_is_told_before_the_job_is_made(references, tmp_path, dataset):
    with pytest.raises(InputError, match="there is no dataset at") as caught:
        resolve(references, "training", {"data.path": str(dataset.parent / "missing")}, tmp_path)
    assert caught.value.field == "data.path"


def test_an_unknown_id_is_unknown(references, tmp_path):
    with pytest.raises(UnknownThingError):
        resolve(references, "training", {"model": "model:" + "0" * 16}, tmp_path)


def test_a_default_path_is_made_absolute_and_must_be_readable_too(references, tmp_path, monkeypatch, dataset):
    with pytest.raises(InputError, match=r"data\.path: choose a dataset"):
        resolve(references, "training", {}, tmp_path)
    monkeypatch.setattr(
        "deepsynth.web.references.Path.absolute", lambda path: dataset
    )  # as if it lay at the default place
    assert resolve(references, "training", {}, tmp_path).data.path == dataset
    assert str(resolve(references, "dataset", {"source": "packages"}, tmp_path).reading.cache).startswith("~")


def test_every_path_of_every_kind_is_known(references):
    names = {
        kind: {name for name, _ in path_settings(verb_of(kind).config_class())} for kind in ("training", "dataset")
    }
    assert {"output_dir", "data.path"} <= names["training"]
    assert {"out", "reading.lists", "reading.cache"} <= names["dataset"]


def test_a_job_that_wants_a_model_is_not_ready_without_one(references, tmp_path):
    for given in ({}, {"checkpoint": ""}):
        with pytest.raises(InputError, match="checkpoint: choose a model"):
            references.resolve(verb_of("export"), given, tmp_path / "out")
