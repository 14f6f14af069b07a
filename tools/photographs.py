"""Photograph the web application for docs/images/web: real jobs of the bundled model, in a real browser.

    deepsynth web --state-dir /tmp/photographs --port 5099 --folders /tmp/photographs/artifacts
    python tools/photographs.py http://127.0.0.1:5099/          (another terminal; some minutes)

nano learns to read another typeface, at two learning rates, from the READMEs of the installed Python packages. Needs what the
browser tests need: `make web-check` and Chromium.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from playwright.sync_api import Page, sync_playwright

TARGET = Path(__file__).parents[1] / "docs" / "images" / "web"
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run")
PAGES = {"rendering.font": "sans", "rendering.lines": 4, "rendering.leading": 1.6, "rendering.margin": 0}
READING = {
    "model": "nano",
    "data.tasks": {"read": 1},
    "data.longest_text": 60,
    "data.keep_lines": True,
    "batch_size": 16,
    "max_steps": 240,
    "eval_interval": 40,
    "eval_samples": 2,
}
WIDE, TALL, PHONE = {"width": 1280, "height": 900}, {"width": 1280, "height": 1240}, {"width": 390, "height": 844}


class Server:
    """The application's API, as far as it is wanted here."""

    def __init__(self, address: str) -> None:
        self.address = address

    def ask(self, path: str, body: Any = None) -> Any:
        """Return the answer of a GET, or of a POST of `body`."""
        data = None if body is None else json.dumps(body).encode()
        request = Request(self.address + path, data=data, headers={"content-type": "application/json"})
        with urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())

    def start(self, kind: str, name: str, settings: dict[str, Any]) -> str:
        """Start a job, unless an earlier call has made it, and return its id."""
        for job in self.ask("api/jobs")["jobs"]:
            if job["name"] == name and job["state"] in ("succeeded", "paused"):
                return job["job_id"]
        return self.ask("api/jobs", {"kind": kind, "name": name, "settings": settings})["job_id"]

    def wait(self, job: str, *states: str, steps: int = 0) -> None:
        """Wait until a job is in one of these states, or has done so many steps."""
        while True:
            found = self.ask(f"api/jobs/{job}")["job"]
            if found["state"] in states or (steps and (found["progress"]["done"] or 0) >= steps):
                return
            if found["state"] == "failed":
                sys.exit(f"{found['name']}: {found['reason']}")
            time.sleep(1)


def make_jobs(server: Server) -> dict[str, str]:
    """Make what is photographed: a dataset, two trainings, an evaluation, a training that is paused and one that runs."""
    jobs = {"dataset": server.start("dataset", "READMEs in a sans face", {"cleaning.cut_chars": 100, **PAGES})}
    server.wait(jobs["dataset"], "succeeded")
    data = next(
        item["reference"] for item in server.ask("api/datasets")["datasets"] if item["job_id"] == jobs["dataset"]
    )
    reading = {**READING, "data.path": data}
    for name, rate in (("slow", 1e-4), ("fast", 5e-4)):
        settings = reading | {"optimizer.learning_rate": rate}
        jobs[name] = server.start("training", f"sans face, rate {rate:g}", settings)
        server.wait(jobs[name], "succeeded")
    model = next(item["reference"] for item in server.ask("api/models")["models"] if item["job_id"] == jobs["fast"])
    jobs["scores"] = server.start("evaluation", "how well it reads sans", {"model": model, "data": data, "limit": 8})
    server.wait(jobs["scores"], "succeeded")
    jobs["paused"] = server.start(
        "training", "sans face, with augmentation", reading | {"augmentation": {}, "max_steps": 400}
    )
    server.wait(jobs["paused"], "paused", steps=60)
    if server.ask(f"api/jobs/{jobs['paused']}")["job"]["state"] != "paused":
        server.ask(f"api/jobs/{jobs['paused']}/pause", {})
        server.wait(jobs["paused"], "paused")
    jobs["running"] = server.start("training", "sans face, for longer", reading | {"max_steps": 4000})
    server.wait(jobs["running"], steps=60)
    return jobs


def show(page: Page, server: Server, screen: str, size: dict[str, int]) -> None:
    """Open a screen and wait until nothing on it is still to come."""
    page.set_viewport_size(size)  # pyright: ignore[reportArgumentType]
    page.goto("about:blank")
    page.goto(f"{server.address}#/{screen}")
    page.wait_for_selector("main h1")
    page.wait_for_selector(".skeleton", state="detached")
    page.wait_for_timeout(8000 if screen.startswith("new") else 1500)  # the planner takes a while


def photograph(server: Server, jobs: dict[str, str]) -> None:
    """Take the pictures."""
    data = next(item["id"] for item in server.ask("api/datasets")["datasets"] if item["job_id"] == jobs["dataset"])
    run = f"jobs/{jobs['fast']}"
    screens = {
        "jobs": "jobs",
        "new": f"new?kind=training&preset=quick_test&data.path=dataset:{data}",
        "run": run,
        "samples": f"{run}?tab=samples",
        "compare": f"compare?runs={jobs['slow']},{jobs['fast']}",
        "dataset": f"datasets/{data}",
        "models": "models",
        "settings": "settings",
    }
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))
        page = browser.new_page(color_scheme="light", reduced_motion="reduce")
        for name, screen in screens.items():
            show(page, server, screen, WIDE)
            page.screenshot(path=TARGET / f"{name}.png")
        show(page, server, "playground", TALL)
        page.get_by_label("Document").fill(Path("examples/document.txt").read_text(encoding="utf-8"))
        page.wait_for_timeout(2000)
        page.get_by_role("button", name="Read the pages").click()
        page.wait_for_selector(".answer[aria-busy=false] dl")
        page.screenshot(path=TARGET / "playground.png")
        page = browser.new_page(color_scheme="dark", reduced_motion="reduce")
        for name, screen in {"jobs-phone": "jobs", "run-phone": run}.items():
            show(page, server, screen, PHONE)
            page.screenshot(path=TARGET / f"{name}.png")
        browser.close()


def main() -> None:
    """Make the jobs and take the pictures."""
    server = Server(sys.argv[1].rstrip("/") + "/")
    jobs = make_jobs(server)
    photograph(server, jobs)
    server.ask(f"api/jobs/{jobs['running']}/cancel", {})


if __name__ == "__main__":
    main()
