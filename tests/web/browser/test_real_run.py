"""The application with real work: a dataset is prepared from an upload and a tiny model trained on it, in the browser alone."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("deepsynth.web.routes", reason="the routes for jobs are not part of this checkout")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(280)]
PATIENCE = 120_000
"""Milliseconds; a loaded machine takes long to import torch."""


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> Iterator[str]:
    """Serve a new state folder in a process of its own; the jobs that it starts end with it."""
    folder = tmp_path_factory.mktemp("web")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "deepsynth", "web", "--port", str(port), "--state-dir", str(folder / "state")]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            command, cwd=folder, stdout=log, stderr=log, env={**os.environ, "OMP_NUM_THREADS": "1"}
        )
    base = f"http://127.0.0.1:{port}/"
    for _ in range(600):
        try:
            urllib.request.urlopen(base + "api/health", timeout=2).close()
            break
        except (urllib.error.URLError, ConnectionError):
            assert server.poll() is None, (folder / "log").read_text()
            time.sleep(0.1)
    yield base
    for job in ask(base, "api/jobs")["jobs"]:
        if "cancel" in job["actions"]:
            ask(base, f"api/jobs/{job['job_id']}/cancel", {"save": False})
    server.terminate()
    server.wait(20)


def ask(base: str, path: str, body: object = None) -> dict:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(base + path, data=data, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def rows() -> bytes:
    """Forty short news items, each with its own harbor and number, so that none is a duplicate."""
    items = [
        {
            "text": f"The harbor of town {number} was closed for {number + 2} days while divers repaired its lock. "
            f"Ferries ran from quay {number * 3} in the meantime, and the fleet landed {number * 7 + 5} tons of fish there.",
            "summary": f"Repairs closed the harbor of town {number} for {number + 2} days.",
        }
        for number in range(40)
    ]
    return "".join(json.dumps(item) + "\n" for item in items).encode()


def wait_for_state(page, word: str) -> None:
    page.locator(".state-card .badge", has_text=word).wait_for(timeout=PATIENCE)


def test_a_dataset_is_prepared_and_a_model_trained_paused_resumed_and_deleted(visit, address):
    visitor = visit(address)
    page = visitor.open("#/new?kind=dataset")
    page.get_by_role("textbox", name="Name", exact=True).fill("harbors")
    page.locator("[data-path=source] input[type=file]").set_input_files(
        {"name": "harbors.jsonl", "mimeType": "application/x-ndjson", "buffer": rows()}
    )
    page.get_by_text("harbors.jsonl is uploaded.").wait_for()
    page.get_by_text("Ready to start").wait_for()
    page.get_by_role("button", name="Start the job").click()
    wait_for_state(page, "Succeeded")

    page = visitor.open("#/datasets")
    page.get_by_role("link", name="harbors").click()
    page.locator(".sample .page img").first.wait_for(timeout=PATIENCE)
    width = page.locator(".sample .page img").first.evaluate("(image) => image.decode().then(() => image.naturalWidth)")
    assert width >= 64, "the picture of a page is drawn"
    page.locator(".sample").first.get_by_text("Repairs closed the harbor").first.wait_for()

    page.get_by_role("link", name="Train on it").click()
    page.get_by_role("heading", name="New run").wait_for()
    page.get_by_role("textbox", name="Name", exact=True).fill("tiny on harbors")
    page.get_by_label("Model", exact=True).select_option("tiny")
    page.get_by_role("textbox", name="Max steps").fill("400")
    page.get_by_role("textbox", name="Epochs").fill("400")
    page.get_by_role("textbox", name="Batch size").fill("2")
    page.get_by_role("searchbox", name="Find").fill("log interval")
    page.get_by_role("textbox", name="Log interval").fill("2")
    page.get_by_label("Equal command line").get_by_text("--log-interval 2").wait_for()
    page.get_by_role("button", name="Start training").click()
    wait_for_state(page, "Running")
    page.get_by_text(re.compile(r"[1-9]\d* of 400 steps")).wait_for(timeout=PATIENCE)
    page.locator("figure", has=page.get_by_role("heading", name="Loss", exact=True)).locator("canvas").wait_for(
        timeout=PATIENCE
    )

    page.get_by_role("button", name="Pause tiny on harbors").click()
    wait_for_state(page, "Paused")
    page.get_by_role("tab", name="Files").click()
    page.get_by_text(re.compile(r"checkpoint-\d+/manifest\.json")).first.wait_for()
    page.get_by_role("button", name="Resume tiny on harbors").click()
    wait_for_state(page, "Succeeded")
    page.get_by_role("tab", name="History").click()
    page.get_by_text("attempt 2").first.wait_for()
    job = next(job for job in ask(address, "api/jobs")["jobs"] if job["name"] == "tiny on harbors")
    metrics = ask(address, f"api/jobs/{job['job_id']}/metrics")["series"]["loss"]
    assert [step for step, _ in metrics] == list(range(2, 401, 2)), "no step is lost or doubled over the pause"

    page.get_by_role("button", name="Delete tiny on harbors").click()
    page.get_by_label("Delete its files too").check()
    page.get_by_role("button", name="Delete job and files").click()
    page.get_by_role("heading", name="Jobs", level=1).wait_for()
    page.get_by_role("link", name="tiny on harbors").wait_for(state="detached")
    for _ in range(300):  # the scheduler removes the folder
        if not Path(job["output_path"]).exists():
            break
        page.wait_for_timeout(100)
    assert not Path(job["output_path"]).exists()


def test_a_pdf_is_drawn_planned_and_summarized(visit, address, chromium, tmp_path):
    pytest.importorskip("deepsynth.web.inference", reason="the routes for summaries are not part of this checkout")
    paper = chromium.new_page()
    paper.set_content(
        "<h1>The harbor</h1><p>" + "Divers repaired the lock of the harbor for eleven days. " * 12 + "</p>"
    )
    paper.pdf(path=str(tmp_path / "harbor.pdf"))
    paper.close()
    visitor = visit(address)
    page = visitor.open("#/playground")
    page.locator("input[type=file]").set_input_files(str(tmp_path / "harbor.pdf"))
    page.get_by_role("group", name="Plan").get_by_text("visual tokens").wait_for(timeout=PATIENCE)
    width = page.locator(".bench-plan .page img").evaluate("(image) => image.decode().then(() => image.naturalWidth)")
    assert width >= 64, "the picture of the page is drawn"
    page.get_by_role("button", name="Summarize").click()
    page.locator(".answer .facts").wait_for(timeout=PATIENCE)
    assert ask(address, "api/inference")["state"] == "ready"
    page.locator(".answer").get_by_text(re.compile(r"\d+ tokens? in")).wait_for()
