import json
import multiprocessing
import os
import random
import signal
import time
from pathlib import Path

import pytest
from tests.data.conftest import write_rows
from tests.data.fake_hub import TOKEN, FakeHub, Fault

from deepsynth.core.errors import CheckpointError, InputError, SettingsError
from deepsynth.core.progress import SilentReporter
from deepsynth.data.hub_calls import HubCalls, HubError
from deepsynth.data.push import INDEX, Push

REPO = "me/pages"


def push(folder, repo=REPO, reporter=None, per_commit=2, **how):
    reporter = reporter or SilentReporter()
    job = Push(folder, repo, HubCalls(reporter, 4, 0.0), reporter, shards_per_commit=per_commit)
    job.run(**{"public": False, "replace": False, **how})
    return job


def on_disk(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def shared(hub: FakeHub, name: str = REPO) -> dict[str, bytes]:
    """What the repository holds of the dataset itself."""
    return {path: content for path, content in hub.files(name).items() if path not in (INDEX, ".gitattributes")}


def test_the_repository_holds_what_the_folder_holds_and_is_private(prepare, fake_hub):
    folder = prepare()
    job = push(folder)
    assert shared(fake_hub) == on_disk(folder)
    assert fake_hub.repos[REPO].private
    assert job.uploaded == len(on_disk(folder))


def test_each_commit_holds_its_shards_and_an_index_of_all_so_far(prepare, fake_hub):
    push(prepare())
    repo = fake_hub.repos[REPO]
    states = [repo.commits[sha] for sha in repo.history[1:]]
    assert len(states) >= 3
    for files in states:
        index = json.loads(files[INDEX].content)
        assert set(index["shards"]) == {path for path in files if path.endswith(".parquet")}
        assert index["complete"] == ("manifest.json" in files) == (files is states[-1])


def test_a_second_run_sends_nothing_and_one_after_a_loss_only_what_is_missing(prepare, fake_hub):
    folder = prepare()
    push(folder)
    sent = fake_hub.asked("PUT", "/lfs/")
    assert push(folder).uploaded == 0
    repo = fake_hub.repos[REPO]
    files = dict(repo.commits[repo.branches["main"]])
    lost = files.pop("train-00001.parquet")
    fake_hub.store.pop(lost.sha256)
    repo.commit(files)
    assert push(folder).uploaded == 1
    assert fake_hub.asked("PUT", "/lfs/") == sent + 1
    assert shared(fake_hub) == on_disk(folder)


FAULTS = {
    "rate limit": [Fault("POST", "/commit/", 429), Fault("GET", "whoami", 429)],
    "server errors": [
        Fault("POST", "/preupload/", 500),
        Fault("PUT", "/lfs/", 503, 2),
        Fault("POST", "/commit/", 502, 2),
    ],
    "cut before": [Fault("POST", "/commit/", "cut"), Fault("PUT", "/lfs/", "cut"), Fault("GET", "/tree/", "cut")],
    "cut after the deed": [Fault("POST", "/commit/", "cut-after", 2), Fault("POST", "repos/create", "cut-after")],
    "half an answer": [Fault("GET", "/tree/", "half"), Fault("POST", "objects/batch", "half")],
    "lost uploads": [Fault("POST", "/lfs-verify/", 500, 2)],
}


@pytest.mark.parametrize("faults", FAULTS.values(), ids=FAULTS)
def test_a_hub_that_stumbles_gets_everything_once(prepare, fake_hub, faults):
    fake_hub.faults = [Fault(fault.method, fault.path, fault.kind, fault.times) for fault in faults]
    folder = prepare()
    push(folder)
    assert all(fault.times == 0 for fault in fake_hub.faults), "every fault has struck"
    assert shared(fake_hub) == on_disk(folder)


def test_a_hub_that_fails_again_and_again_ends_with_a_sentence(prepare, fake_hub, reporter):
    folder = prepare()
    fake_hub.faults = [Fault("POST", "/commit/", 500, 99)]
    with pytest.raises(HubError, match=r"sending shards .* failed 4 times: .*run it again later"):
        push(folder, reporter=reporter)
    assert sum("answer 500; trying again" in message for message in reporter.messages) == 3
    fake_hub.faults = []
    push(folder)
    assert shared(fake_hub) == on_disk(folder)


@pytest.mark.parametrize("login", ["expired", "absent"])
def test_without_a_good_login_nothing_is_sent_and_no_token_is_shown(prepare, fake_hub, monkeypatch, reporter, login):
    folder = prepare()
    if login == "expired":
        fake_hub.tokens.clear()
    else:
        monkeypatch.delenv("HF_TOKEN")
        monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", "/nowhere")
    with pytest.raises(InputError, match="hf auth login") as caught:
        push(folder, reporter=reporter)
    assert TOKEN not in str(caught.value) + "".join(reporter.messages)
    assert (fake_hub.repos, caught.value.exit_code) == ({}, 2)


def test_a_login_that_expires_on_the_way_ends_the_run_and_a_new_one_goes_on(prepare, fake_hub):
    folder = prepare()
    fake_hub.faults = [Fault("POST", "/commit/", 401)]
    with pytest.raises(InputError, match="does not accept your login"):
        push(folder)
    push(folder)
    assert shared(fake_hub) == on_disk(folder)


def test_messages_show_neither_signatures_nor_tokens(prepare, fake_hub, reporter):
    folder = prepare()
    fake_hub.faults = [Fault("PUT", "/lfs/", 500, 999)]
    with pytest.raises(HubError) as caught:
        push(folder, reporter=reporter)
    shown = str(caught.value) + "".join(reporter.messages)
    assert "verysecret" not in shown
    assert TOKEN not in shown


@pytest.mark.parametrize("name", ["", "pages", "me/", "https://huggingface.co/me/pages", "a/b/c"])
def test_only_a_full_name_is_a_repository(prepare, fake_hub, name):
    with pytest.raises(SettingsError, match="OWNER/NAME"):
        push(prepare(), repo=name)
    assert fake_hub.requests == []


def test_another_persons_namespace_is_refused(prepare, fake_hub):
    with pytest.raises(InputError, match="lacks the rights"):
        push(prepare(), repo="you/pages")


def test_a_public_repository_is_written_only_when_that_is_said(prepare, fake_hub):
    fake_hub.add(REPO, {".gitattributes": b""})
    with pytest.raises(InputError, match="is public; say --public"):
        push(prepare())
    push(prepare(), public=True)
    push(prepare(), repo="me/new", public=True)
    assert not fake_hub.repos["me/new"].private


def test_another_dataset_or_foreign_files_are_not_written_over_unless_that_is_said(prepare, fake_hub, tmp_path):
    fake_hub.add(REPO, {"model.bin": b"weights"}, private=True)
    with pytest.raises(InputError, match="files that no push of DeepSynth wrote"):
        push(prepare())
    push(prepare(), replace=True)
    other = prepare(out=tmp_path / "other", rows_per_shard=16)
    with pytest.raises(InputError, match="holds another dataset"):
        push(other)
    push(other, replace=True)
    assert shared(fake_hub) == on_disk(other)


def test_somebody_elses_commit_in_between_is_not_undone(prepare, fake_hub):
    folder = prepare()
    push(folder)
    repo = fake_hub.repos[REPO]
    files = dict(repo.commits[repo.branches["main"]])
    files.pop("train-00000.parquet")
    repo.commit(files)
    real = fake_hub.fault_for
    struck = []

    def sneak(method, path):
        if "/commit/" in path and not struck:
            struck.append(path)
            repo.commit({**repo.commits[repo.branches["main"]], "README.md": files["report.json"]})
        return real(method, path)

    fake_hub.fault_for = sneak
    push(folder)
    assert struck
    assert shared(fake_hub) == on_disk(folder)


def test_an_unfinished_or_damaged_dataset_is_not_sent(prepare, fake_hub):
    folder = prepare()
    (folder / "train-00000.parquet").write_bytes(b"damaged")
    with pytest.raises(CheckpointError, match="is damaged"):
        push(folder)
    (folder / "manifest.json").unlink()
    with pytest.raises(CheckpointError, match="never finished"):
        push(folder)
    assert fake_hub.requests == []


def push_in_a_process(folder: str, url: str, cache: str) -> None:
    from huggingface_hub import constants

    os.environ["HF_TOKEN"] = TOKEN
    constants.ENDPOINT, constants.HUGGINGFACE_CO_URL_TEMPLATE = url, url + "/{repo_id}/resolve/{revision}/{filename}"
    constants.HF_HUB_OFFLINE, constants.HF_HUB_DISABLE_XET, constants.HF_HUB_CACHE = False, True, cache
    push(Path(folder), per_commit=3)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_killed_at_fifty_random_moments_the_repository_is_the_same_in_the_end(prepare, fake_hub, tmp_path):
    """Each of ten repositories is written by a process that is killed five times, after any of its requests, then by one
    that is not."""
    folder = prepare(source=str(write_rows(tmp_path / "many.jsonl", 80)), out=tmp_path / "many", rows_per_shard=4)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["deepsynth.data.push", "huggingface_hub.hf_api", "huggingface_hub.file_download"])
    fake_hub.slow = 0.01
    generator, kills, partly = random.Random(9), 0, 0

    def start():
        process = context.Process(target=push_in_a_process, args=(str(folder), fake_hub.url, str(tmp_path / "home")))
        process.start()
        return process

    start().join()
    assert shared(fake_hub) == on_disk(folder)
    requests = len(fake_hub.requests)
    for _ in range(10):
        fake_hub.repos.clear()
        fake_hub.store.clear()
        for _ in range(5):
            last = len(fake_hub.requests) + generator.randint(1, requests // 5)
            process = start()
            while process.is_alive() and len(fake_hub.requests) < last:
                time.sleep(0.002)
            process.kill()
            process.join()
            kills += process.exitcode == -signal.SIGKILL
            partly += REPO in fake_hub.repos and "manifest.json" not in fake_hub.files(REPO)
        final = start()
        final.join()
        assert final.exitcode == 0
        assert shared(fake_hub) == on_disk(folder)
    assert kills >= 40
    assert partly >= 10, "many kills struck between the first commit and the last"
