"""Every screen at two widths in both schemes: no violation that axe knows, no fault, nothing wider than the window."""

import pytest

pytestmark = pytest.mark.slow


def job(number: int, tab: str = "") -> str:
    return f"#/jobs/{number:016x}" + (f"?tab={tab}" if tab else "")


SCREENS = {
    "jobs": "#/jobs",
    "new run": "#/new?preset=quick_test",
    "running": job(7),
    "failed": job(3),
    "samples": job(2, "samples"),
    "log": job(2, "log"),
    "settings of a run": job(2, "settings"),
    "files": job(2, "files"),
    "history": job(4, "history"),
    "report": job(5),
    "compare": f"#/compare?runs={2:016x},{6:016x}",
    "compare nothing": "#/compare",
    "datasets": "#/datasets",
    "dataset": "#/datasets/d1",
    "models": "#/models",
    "playground": "#/playground",
    "settings": "#/settings",
    "login": "login",
}
LARGEST_SHIFT = 0.05


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_every_screen_is_accessible_and_holds_still(visit, fake, width, scheme):
    visitor = visit(fake[0], width, scheme)
    found = {}
    for name, address in SCREENS.items():
        visitor.open(address)
        problems = visitor.violations()
        if visitor.overflow() > 0:
            problems.append(f"{visitor.overflow()} px wider than the window")
        shift = visitor.page.evaluate("window.shifts")
        if shift > LARGEST_SHIFT:
            problems.append(f"layout shift {shift:.3f}")
        if problems:
            found[name] = problems
    assert found == {}


def test_nothing_is_wider_than_320_pixels(visit, fake):
    visitor = visit(fake[0], 320)
    wide = {}
    for name, address in SCREENS.items():
        visitor.open(address)
        if visitor.overflow() > 0:
            wide[name] = visitor.overflow()
    assert wide == {}


@pytest.mark.parametrize("address", ["#/jobs", "#/datasets", "#/models", "#/compare"])
def test_screens_without_content_say_what_to_do(visit, empty, address):
    visitor = visit(empty)
    page = visitor.open(address)
    page.locator(".empty h2, .card-item h3").first.wait_for()
    assert visitor.violations() == []


def test_dialogs_are_accessible(visit, fake):
    visitor = visit(fake[0], 390, "dark")
    page = visitor.open(job(7))
    page.get_by_role("button", name="Cancel nano with augmentation").click()
    page.get_by_role("dialog").wait_for()
    assert visitor.violations() == []
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")
    page.wait_for_function("document.activeElement.getAttribute('aria-label') === 'Cancel nano with augmentation'")


def test_the_open_menu_of_a_phone_is_accessible(visit, fake):
    visitor = visit(fake[0], 390)
    page = visitor.open("#/jobs")
    page.get_by_role("button", name="Menu").click()
    assert visitor.violations() == []
    page.get_by_role("link", name="Models").click()
    page.get_by_role("heading", name="Models", level=1).wait_for()
    page.locator("button[aria-label=Menu][aria-expanded=false]").wait_for()


def test_the_theme_that_was_chosen_stays(visit, fake):
    visitor = visit(fake[0], 1440, "light")
    page = visitor.open("#/settings")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_role("radio", name="Dark").check()
    page.wait_for_function("light => getComputedStyle(document.body).backgroundColor !== light", arg=light)
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    visitor.open("#/jobs")
    page.wait_for_function("dark => getComputedStyle(document.body).backgroundColor === dark", arg=dark)
