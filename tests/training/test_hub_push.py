from __future__ import annotations

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import huggingface_hub
import pytest

from deepsynth.training import hub_push
from deepsynth.training.config import HubConfig
from deepsynth.training.hub_push import HubPush
from deepsynth.training.production_trainer import DeepSynthProductionTrainer


class FakeHub(BaseHTTPRequestHandler):
    """As much of the Hub's HTTP interface as a push needs; files come in the commit's own body."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/api/repos/create":
            self.server.created.append(json.loads(body))
            self.answer({"url": "https://huggingface.co/somebody/model"})
        elif "/preupload/" in self.path:
            files = [
                {"path": file["path"], "uploadMode": "regular", "shouldIgnore": False}
                for file in json.loads(body)["files"]
            ]
            self.answer({"files": files})
        elif "/commit/" in self.path:
            self.commit([json.loads(line) for line in body.splitlines()])
        else:
            self.send_error(404)

    def do_GET(self):
        self.send_error(404)

    def commit(self, lines):
        summary = next(line["value"]["summary"] for line in lines if line["key"] == "header")
        files = {
            line["value"]["path"]: base64.b64decode(line["value"]["content"]) for line in lines if line["key"] == "file"
        }
        self.server.commits.append((summary, files))
        self.answer(
            {"commitUrl": "https://huggingface.co/somebody/model/commit/1", "commitOid": "1", "pullRequestUrl": None}
        )

    def answer(self, value):
        content = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_args):
        pass


@pytest.fixture
def hub(monkeypatch):
    server = ThreadingHTTPServer(("127.0.0.1", 0), FakeHub)
    server.created, server.commits = [], []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    address = f"http://127.0.0.1:{server.server_address[1]}"
    monkeypatch.setattr(hub_push, "HfApi", lambda: huggingface_hub.HfApi(endpoint=address, token="fake"))
    yield server
    server.shutdown()
    server.server_close()


def lines(config):
    found = [json.loads(line) for line in (config.output_dir / "metrics.jsonl").read_text().splitlines()]
    return [line for line in found if "hub" in line]


def test_a_run_pushes_what_users_of_the_model_need(config, rows, hub):
    config = config.override({"hub": {"repository": "somebody/model"}, "save_interval": 3})
    DeepSynthProductionTrainer(config).train(rows)
    assert hub.created[0]["visibility"] == "private"
    summary, files = hub.commits[-1]
    assert summary == "Step 6"
    assert {"config.json", "model.safetensors", "tokenizer.json", "trainer.json"} <= set(files)
    assert not any(name.startswith(("optimizer", "random", "state")) for name in files)
    assert files["model.safetensors"] == (config.output_dir / "checkpoint-6" / "model.safetensors").read_bytes()
    assert [(line["pushed_step"], line["hub"]) for line in lines(config)][-1] == (6, "pushed")
    assert list(config.output_dir.glob(".push-*")) == []


def test_a_hub_that_cannot_be_reached_changes_nothing_and_is_told(config, rows, tmp_path, caplog):
    """The tests run offline, so the real client refuses."""
    pushed = config.override({"hub": {"repository": "somebody/model"}, "output_dir": tmp_path / "pushed"})
    one, two = DeepSynthProductionTrainer(config), DeepSynthProductionTrainer(pushed)
    one.train(rows)
    two.train(rows)
    assert one.losses == two.losses
    (line,) = lines(pushed)
    assert (line["hub"], line["pushed_step"]) == ("failed", 6)
    assert line["reason"]
    assert "pushing step 6 to somebody/model failed" in caplog.text


class Hanging:
    def __init__(self) -> None:
        self.release, self.commits = threading.Event(), []

    def create_repo(self, *_args, **_keywords) -> None:
        self.release.wait()

    def upload_folder(self, *, commit_message, **_keywords) -> None:
        self.commits.append(commit_message)


@pytest.fixture
def checkpoints(tmp_path):
    for step in range(1, 6):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        (folder / "model.safetensors").write_text(str(step))
    return [tmp_path / f"checkpoint-{step}" for step in range(1, 6)]


def test_a_network_that_hangs_is_not_waited_for(checkpoints, tmp_path):
    api = Hanging()
    push = HubPush(HubConfig(repository="a/b", wait_seconds=0.05), tmp_path, api)
    push.offer(checkpoints[0], 1, last=True)
    push.close()
    (outcome,) = push.outcomes()
    assert (outcome.step, outcome.status) == (1, "unfinished")
    assert "longer than 0.05 seconds" in outcome.reason
    api.release.set()
    push._thread.join(5)


def test_checkpoints_that_come_too_fast_are_left_out_but_never_the_last(checkpoints, tmp_path):
    api = Hanging()
    push = HubPush(HubConfig(repository="a/b"), tmp_path, api)
    push.offer(checkpoints[0], 1, last=False)
    while push._current is None:
        pass
    for step in (2, 3, 4, 5):
        push.offer(checkpoints[step - 1], step, last=step == 5)
    api.release.set()
    push.close()
    assert api.commits == ["Step 1", "Step 5"]
    assert [outcome.step for outcome in push.outcomes()] == [1, 5]


def test_every_second_checkpoint_and_the_last_are_pushed(checkpoints, tmp_path):
    api = Hanging()
    api.release.set()
    push = HubPush(HubConfig(repository="a/b", every=2), tmp_path, api)
    for step in (1, 2, 3):
        push.offer(checkpoints[step - 1], step, last=step == 3)
        while push._next.unfinished_tasks and not push._next.empty():
            pass
    push.close()
    assert api.commits[-1] == "Step 3"
    assert "Step 1" not in api.commits


def test_what_a_killed_run_left_is_removed(tmp_path):
    (tmp_path / ".push-7").mkdir()
    HubPush(HubConfig(repository="a/b"), tmp_path, Hanging()).close()
    assert not (tmp_path / ".push-7").exists()
