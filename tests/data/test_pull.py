import json

import pytest
from tests.data.fake_hub import Fault
from tests.data.test_push import REPO, on_disk, push

from deepsynth.core.errors import CheckpointError, InputError, SettingsError
from deepsynth.core.files import read_manifest
from deepsynth.core.progress import SilentReporter
from deepsynth.data.hub_calls import HubCalls, HubError
from deepsynth.data.prepared import PreparedDataset, exclusive
from deepsynth.data.pull import Pull


def pull(out, repo=REPO, revision=None):
    job = Pull(repo, out, HubCalls(SilentReporter(), 4, 0.0), SilentReporter())
    job.run(revision)
    return job


def test_what_was_pushed_comes_back_the_same_and_can_be_read(prepare, fake_hub, tmp_path):
    folder = prepare()
    push(folder)
    pull(tmp_path / "back")
    assert on_disk(tmp_path / "back") == on_disk(folder)
    assert PreparedDataset(tmp_path / "back").splits() == PreparedDataset(folder).splits()


def test_a_second_run_fetches_only_what_is_missing_or_damaged(prepare, fake_hub, tmp_path):
    folder = prepare()
    push(folder)
    pull(tmp_path / "back")
    (tmp_path / "back" / "train-00001.parquet").unlink()
    (tmp_path / "back" / "README.md").write_text("scribbled over")
    assert pull(tmp_path / "back").downloaded == 2
    assert on_disk(tmp_path / "back") == on_disk(folder)
    assert pull(tmp_path / "back").downloaded == 0


@pytest.mark.parametrize(
    "fault",
    [
        Fault("HEAD", "train-00001", 500),
        Fault("GET", "train-00001", "half"),
        Fault("GET", "README", 429),
        Fault("GET", "/api/datasets", "cut"),
    ],
)
def test_a_hub_that_stumbles_gives_everything(prepare, fake_hub, tmp_path, fault):
    folder = prepare()
    push(folder)
    fault.times = 1
    fake_hub.faults = [fault]
    pull(tmp_path / "back")
    assert fault.times == 0
    assert on_disk(tmp_path / "back") == on_disk(folder)


def test_an_interrupted_upload_is_no_dataset(prepare, fake_hub, tmp_path):
    folder = prepare()
    fake_hub.faults = [Fault("POST", "/commit/", 401, 9)]
    with pytest.raises(InputError):
        push(folder)
    fake_hub.faults = []
    with pytest.raises(InputError, match=r"no finished dataset .*push it again"):
        pull(tmp_path / "back")


def test_an_interrupted_download_is_no_dataset_and_goes_on(prepare, fake_hub, tmp_path):
    folder = prepare()
    push(folder)
    fake_hub.faults = [Fault("HEAD", "train-00002", 500, 99)]
    with pytest.raises(HubError, match="fetching train-00002"):
        pull(tmp_path / "back")
    with pytest.raises(CheckpointError, match="never finished"):
        read_manifest(tmp_path / "back")
    fake_hub.faults = []
    assert pull(tmp_path / "back").downloaded < len(on_disk(folder))
    assert on_disk(tmp_path / "back") == on_disk(folder)


def test_a_file_that_comes_damaged_is_not_taken(prepare, fake_hub, tmp_path):
    push(prepare())
    repo = fake_hub.repos[REPO]
    repo.commits[repo.branches["main"]]["train-00000.parquet"].content += b"x"
    with pytest.raises(HubError, match=r"train-00000.parquet of me/pages came damaged"):
        pull(tmp_path / "back")
    assert not (tmp_path / "back" / "train-00000.parquet").exists()


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "a\\..\\evil"])
def test_a_manifest_that_leads_out_of_the_folder_is_refused(fake_hub, tmp_path, name):
    manifest = {"fingerprint": "f", "files": {name: {"bytes": 1, "sha256": "0"}}}
    fake_hub.add(REPO, {"manifest.json": json.dumps(manifest).encode()})
    with pytest.raises(CheckpointError, match="lies outside the dataset"):
        pull(tmp_path / "back")


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"files": {}}', b'{"fingerprint": "f", "files": 3}'])
def test_a_manifest_of_something_else_is_refused(fake_hub, tmp_path, content):
    fake_hub.add(REPO, {"manifest.json": content})
    with pytest.raises(InputError, match=r"manifest.json of .* is none of a dataset of DeepSynth"):
        pull(tmp_path / "back")


def test_what_is_not_there_is_one_clear_line(fake_hub, tmp_path, prepare):
    with pytest.raises(SettingsError, match="OWNER/NAME"):
        pull(tmp_path / "back", repo="pages")
    with pytest.raises(InputError, match="no dataset me/absent on the Hub"):
        pull(tmp_path / "back", repo="me/absent")
    fake_hub.add("me/other", {"data.csv": b"a,b\n"})
    with pytest.raises(InputError, match="no revision 'v9'"):
        pull(tmp_path / "back", repo="me/other", revision="v9")
    with pytest.raises(InputError, match="holds no finished dataset"):
        pull(tmp_path / "back", repo="me/other")


def test_another_dataset_in_the_folder_is_not_written_over(prepare, fake_hub, tmp_path):
    push(prepare())
    other = prepare(out=tmp_path / "other", rows_per_shard=16)
    with pytest.raises(InputError, match="holds another dataset"):
        pull(other)


def test_a_folder_that_is_being_written_is_refused(prepare, fake_hub, tmp_path):
    push(prepare())
    with exclusive(tmp_path / "back"), pytest.raises(InputError, match="is being written by process"):
        pull(tmp_path / "back")
