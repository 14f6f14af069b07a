"""A real browser on the application: Debian's Chromium driven by Playwright, with nothing allowed to leave loopback."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.web.browser.fake_server import serve

ROOT = Path(__file__).parents[3]
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
SHIFTS = """
window.shifts = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifts += entry.value;
}).observe({ type: "layout-shift", buffered: true });
"""


@pytest.fixture(
    scope="module"
)  # while it lives, its loop runs in this thread, where other tests may want one of their own
def chromium() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="no Playwright; `make web-check` installs it")
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("no Chromium on this machine; on Debian: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=found, args=list(FLAGS))
        yield browser
        browser.close()


class Visitor:
    """One tab, with what went wrong in it: console errors, exceptions, requests for other hosts."""

    def __init__(self, page: Any, base: str) -> None:
        self.page = page
        self.base = base
        self.faults: list[str] = []
        self.heeds = True
        page.set_default_timeout(30_000)
        page.add_init_script(SHIFTS)
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.context.route("**/*", self._stay)

    def _hear(self, message: Any) -> None:
        if self.heeds and message.type in ("error", "warning"):
            self.faults.append(message.text)

    def _stay(self, route: Any) -> None:
        host = urlsplit(route.request.url).hostname
        if host == "127.0.0.1":
            route.continue_()
        else:
            self.faults.append(f"a request for {route.request.url}")
            route.abort()

    def open(self, address: str) -> Any:
        """Show a screen from scratch and wait until its heading stands and nothing loads any more."""
        self.page.goto("about:blank")
        self.page.goto(self.base + address)
        self.page.wait_for_selector("main h1")
        for _ in range(100):
            if self.page.locator(".skeleton").count() == 0:
                break
            self.page.wait_for_timeout(50)
        return self.page

    def violations(self) -> list[str]:
        """Return what axe-core finds, one line a rule with the first elements that break it."""
        if not AXE.is_file():
            pytest.skip("no axe-core; run `npm ci --ignore-scripts`")
        self.page.wait_for_timeout(250)
        self.heeds = False  # axe styles its own probes inline, which the policy blocks and the console tells
        session = self.page.context.new_cdp_session(self.page)
        session.send("Runtime.evaluate", {"expression": AXE.read_text(encoding="utf-8")})
        run = (
            "axe.run(document, {resultTypes: ['violations'], runOnly: {type: 'tag', values: "
            "['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']}})"
            ".then((found) => JSON.stringify(found.violations))"
        )
        answer = session.send("Runtime.evaluate", {"expression": run, "awaitPromise": True, "returnByValue": True})
        session.detach()
        self.page.wait_for_timeout(50)
        self.heeds = True
        return [
            f"{rule['id']} ({rule['impact']}): " + "; ".join(node["html"][:160] for node in rule["nodes"][:3])
            for rule in json.loads(answer["result"]["value"])
        ]

    def overflow(self) -> int:
        """Return by how many pixels the page is wider than its window."""
        return self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


@pytest.fixture
def visit(chromium: Any) -> Iterator[Any]:
    """Return `visit(base, width, scheme)`, which opens a tab; at the end no tab may have had a fault."""
    opened: list[Visitor] = []

    def begin(base: str, width: int = 1440, scheme: str = "light") -> Visitor:
        size = {"width": width, "height": 900 if width > 500 else 844}
        context = chromium.new_context(viewport=size, color_scheme=scheme, reduced_motion="reduce")
        visitor = Visitor(context.new_page(), base)
        opened.append(visitor)
        return visitor

    yield begin
    faults = [fault for visitor in opened for fault in visitor.faults]
    for visitor in opened:
        visitor.page.context.close()
    assert faults == []


@pytest.fixture
def fake() -> Iterator[Any]:
    """Return the address and the world of the invented jobs."""
    server, world = serve()
    yield f"http://127.0.0.1:{server.server_port}/", world
    server.shutdown()
    server.server_close()


@pytest.fixture
def empty() -> Iterator[str]:
    """Return the address of a server that has nothing yet."""
    server, _ = serve(empty=True)
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
