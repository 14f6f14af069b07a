"""What a person does with the application, step by step, in the browser, against the invented jobs."""

import pytest

pytestmark = pytest.mark.slow


def address_of(number: int) -> str:
    return f"#/jobs/{number:016x}"


def state(page) -> str:
    return page.locator(".state-card .badge").inner_text()


def wait_for_value(field, value: str) -> None:
    field.page.wait_for_function("([element, value]) => element.value === value", arg=[field.element_handle(), value])


def wait_for_state(page, word: str) -> None:
    page.locator(".state-card .badge", has_text=word).wait_for()


@pytest.mark.parametrize("width", [390, 1440])
def test_create_watch_pause_resume_cancel_delete(visit, fake, width):
    base, world = fake
    visitor = visit(base, width)
    page = visitor.open("#/new")
    page.get_by_text("Quick test", exact=True).click()
    page.get_by_role("textbox", name="Name", exact=True).fill("first run")
    page.get_by_label("Dataset", exact=True).select_option("dataset:d1")
    page.get_by_role("textbox", name="Batch size").fill("2")
    page.get_by_label("Equal command line").get_by_text("--batch-size 2").wait_for()
    page.get_by_role("button", name="Start training").click()
    page.get_by_role("heading", name="first run", level=1).wait_for()
    wait_for_state(page, "Running")
    made = next(job for job in world.jobs.values() if job["name"] == "first run")
    config = world.configs[made["job_id"]]
    assert config["batch_size"] == 2
    assert config["max_steps"] == 50, "the preset's own setting"
    assert config["data"]["path"] == "dataset:d1"

    for _ in range(3):
        world.step()
    page.get_by_text("3 of 600 steps").wait_for()
    page.get_by_role("button", name="Pause first run").click()
    wait_for_state(page, "Paused")
    page.get_by_role("button", name="Resume first run").click()
    wait_for_state(page, "Running")
    page.locator(".state-line").get_by_text("Attempt 2").wait_for()
    page.get_by_role("button", name="Cancel first run").click()
    page.get_by_role("button", name="Save, then cancel").click()
    wait_for_state(page, "Cancelled")
    page.get_by_role("button", name="Delete first run").click()
    page.get_by_role("button", name="Delete job").click()
    page.get_by_role("heading", name="Jobs", level=1).wait_for()
    page.get_by_role("link", name="first run").wait_for(state="detached")
    assert made["job_id"] not in world.jobs


def test_an_answer_that_an_event_has_overtaken_changes_nothing(visit, fake):
    base, _ = fake
    visitor = visit(base)
    page = visitor.open(address_of(7))
    held = []
    page.context.route("**/pause", lambda route: held.append((route, route.fetch())))
    page.get_by_role("button", name="Pause nano with augmentation").click()
    wait_for_state(page, "Paused")
    (route, answer), *_ = held
    assert answer.json()["job"]["state"] == "pausing"
    with page.expect_response("**/pause"):
        route.fulfill(response=answer)
    page.get_by_role("button", name="Resume nano with augmentation").click()
    wait_for_state(page, "Running")


def test_create_pause_resume_and_delete_with_the_keyboard_alone(visit, fake):
    base, world = fake
    visitor = visit(base)
    page = visitor.open("#/new")
    page.get_by_role("textbox", name="Name", exact=True).focus()
    page.keyboard.type("typed run")
    page.get_by_text("Ready to start").wait_for()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="typed run", level=1).wait_for()
    wait_for_state(page, "Running")
    for name, word in (("Pause typed run", "Paused"), ("Resume typed run", "Running"), ("Pause typed run", "Paused")):
        reach(page, name)
        page.keyboard.press("Enter")
        wait_for_state(page, word)
    reach(page, "Delete typed run")
    page.keyboard.press("Enter")
    page.get_by_role("dialog").wait_for()
    reach(page, "Delete job")
    page.keyboard.press("Space")
    page.get_by_role("heading", name="Jobs", level=1).wait_for()
    assert all(job["name"] != "typed run" for job in world.jobs.values())


def reach(page, name: str) -> None:
    """Press Tab until the focus is on the element of this name, and see that the focus shows."""
    for _ in range(80):
        page.keyboard.press("Tab")
        found, outline = page.evaluate(
            "(() => { const at = document.activeElement;"
            " return [at.getAttribute('aria-label') ?? at.textContent.trim(), getComputedStyle(at).outlineStyle]; })()"
        )
        if found == name:
            assert outline != "none", f"the focus on {name!r} cannot be seen"
            return
    raise AssertionError(f"Tab never reaches {name!r}")


def test_a_wrong_setting_is_named_at_its_field_and_stops_the_start(visit, fake):
    visitor = visit(fake[0])
    page = visitor.open("#/new")
    page.get_by_role("textbox", name="Batch size").fill("0")
    page.locator("[data-path=batch_size] .wrong", has_text="greater than or equal to 1").wait_for()
    page.locator("[data-path=batch_size] [aria-invalid=true]").wait_for()
    page.locator("button:disabled", has_text="Start training").wait_for()
    page.get_by_role("button", name="Reset Batch size").click()
    page.get_by_text("Ready to start").wait_for()


def test_every_setting_of_every_kind_stands_on_its_form(visit, fake):
    base, world = fake
    visitor = visit(base)
    for kind in world.kinds:
        page = visitor.open(f"#/new?kind={kind['kind']}")
        off = page.locator("[role=switch][aria-checked=false], [role=switch]:not(:checked):not([aria-checked])")
        while off.count():  # a group that is switched on may hold others
            off.first.evaluate("(element) => element.click()")
        wanted = leaves(kind["schema"], kind["schema"]) - {kind["output"]}
        page.wait_for_function("count => document.querySelectorAll('[data-path]').length >= count", arg=len(wanted))
        shown = set(page.locator("[data-path]").evaluate_all("(found) => found.map((item) => item.dataset.path)"))
        assert shown == wanted


def leaves(schema, root, above="") -> set[str]:
    """Return the dotted name of each setting, those of groups that are off by default included."""
    found: set[str] = set()
    for name, field in schema.get("properties", {}).items():
        options = [field, *field.get("anyOf", [])]
        group = next((root["$defs"][item["$ref"].split("/")[-1]] for item in options if "$ref" in item), {})
        found |= leaves(group, root, f"{above}{name}.") if group.get("properties") else {f"{above}{name}"}
    return found


def test_a_yaml_file_is_laid_over_the_defaults(visit, fake):
    visitor = visit(fake[0])
    page = visitor.open("#/new")
    content = b"batch_size: 3\noptimizer:\n  learning_rate: 0.001\n"
    page.locator("input[accept='.yaml,.yml,.json']").set_input_files(
        {"name": "run.yaml", "mimeType": "text/yaml", "buffer": content}
    )
    page.get_by_text("2 changes of").wait_for()
    wait_for_value(page.get_by_role("textbox", name="Batch size"), "3")
    wait_for_value(page.get_by_label("Learning rate", exact=True), "0.001")


def test_the_queue_can_be_reordered(visit, fake):
    base, world = fake
    visitor = visit(base)
    page = visitor.open("#/jobs")
    page.get_by_role("button", name="Move pages of reports forward in the queue").click()
    page.get_by_text("Place 1 in the queue").locator("xpath=ancestor::li[contains(., 'pages of reports')]").wait_for()
    assert world.jobs[f"{9:016x}"]["position"] == 1


def test_runs_are_ticked_and_compared_and_the_comparison_saved(visit, fake):
    base, world = fake
    visitor = visit(base)
    page = visitor.open("#/jobs")
    page.get_by_label("Compare nano on news").check()
    page.get_by_label("Compare adapters, rank 16").check()
    page.locator(".tray").get_by_role("link", name="Compare").click()
    page.get_by_role("heading", name="Outcomes").wait_for()
    differing = page.get_by_role("region", name="Settings of the runs").locator("tbody th").all_inner_texts()
    assert differing == ["batch_size"]
    page.get_by_role("button", name="Save comparison").click()
    page.get_by_label("Name", exact=True).fill("both")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("The comparison is saved.").wait_for()
    assert world.comparisons["both"]["jobs"] == [f"{2:016x}", f"{6:016x}"]


def test_curves_are_smoothed_and_told_in_a_table(visit, fake):
    visitor = visit(fake[0])
    page = visitor.open(address_of(2))
    chart = page.locator("figure", has=page.get_by_role("heading", name="Loss", exact=True))
    chart.locator("canvas").wait_for()
    plain = still_picture(page, chart)
    page.get_by_label("Smoothing").fill("0.9")
    smoothed = still_picture(page, chart, unlike={plain})
    page.get_by_label("Log scale").check()
    still_picture(page, chart, unlike={plain, smoothed})
    chart.locator(".plot").focus()
    page.keyboard.press("ArrowLeft")
    chart.get_by_text("Step 55").wait_for()
    chart.get_by_text("As a table").click()
    chart.locator("tbody tr").nth(19).wait_for()


def still_picture(page, chart, unlike=frozenset()) -> str:
    """Return the picture once it stays as it is, and is none of `unlike`."""
    before = ""
    for _ in range(100):
        now = chart.locator("canvas").evaluate("(canvas) => canvas.toDataURL()")
        if now == before and now not in unlike:
            return now
        before = now
        page.wait_for_timeout(100)
    raise AssertionError("the picture does not change" if unlike else "the picture does not come to rest")


@pytest.mark.parametrize("width", [390, 1440])
def test_a_pdf_is_summarized_beside_another_model(visit, fake, width):
    visitor = visit(fake[0], width)
    page = visitor.open("#/playground")
    page.locator("input[type=file]").set_input_files(
        {"name": "report.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7 fake"}
    )
    page.get_by_role("group", name="Plan").get_by_text("42").wait_for()
    page.get_by_label("Compare with").select_option("news")
    page.get_by_role("button", name="Summarize with both").click()
    page.locator(".answer .facts").nth(1).wait_for()
    texts = page.locator("[data-summary]").all_inner_texts()
    assert len(texts) == 2
    assert all("<img src=x onerror=alert(1)>" in text for text in texts), "model output is shown as text"
    assert page.locator("[data-summary] img, [data-summary] a").count() == 0, "and never becomes markup"


def test_a_document_that_cannot_be_read_is_explained(visit, fake):
    visitor = visit(fake[0])
    page = visitor.open("#/playground")
    page.locator("input[type=file]").set_input_files(
        {"name": "report.pdf", "mimeType": "application/pdf", "buffer": b"broken"}
    )
    page.get_by_text("it ends before its table of contents").wait_for()
    visitor.faults = [fault for fault in visitor.faults if "400 (Bad Request)" not in fault]


def test_models_are_kept_and_deleted(visit, fake):
    base, world = fake
    visitor = visit(base)
    page = visitor.open("#/models")
    page.locator("button:disabled[aria-label='Delete nano on news, step 60']").wait_for()  # it is kept
    page.get_by_role("button", name="Release nano on news, step 60").click()
    page.get_by_role("button", name="Keep nano on news, step 60").wait_for()
    page.get_by_label("Choose nano on news, step 20").check()
    page.get_by_label("Choose nano on news, step 40").check()
    page.locator(".tray").get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.get_by_text("2 models deleted").wait_for()
    assert world.gone == {"m1", "m2"}


def test_the_hub_token_is_sent_once_and_never_shown(visit, fake):
    visitor = visit(fake[0])
    page = visitor.open("#/settings")
    page.get_by_label("Token", exact=True).fill("hf_" + "a" * 30)
    page.get_by_role("button", name="Set the token").click()
    page.get_by_text("A token is set for reader").wait_for()
    assert "hf_aaaa" not in page.content()
    wait_for_value(page.locator("input[type=password]"), "")
    assert page.evaluate("JSON.stringify({...localStorage, ...sessionStorage})").find("hf_") == -1


def test_a_hidden_tab_closes_its_stream_and_a_shown_one_catches_up(visit, fake):
    base, world = fake
    visitor = visit(base)
    page = visitor.open("#/jobs")
    page.get_by_text("Live", exact=True).wait_for()
    assert len(world.streams) == 1
    hide = "(hidden) => { Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});"
    page.evaluate(hide + " document.dispatchEvent(new Event('visibilitychange')); }", True)
    for _ in range(60):
        if not world.streams:
            break
        page.wait_for_timeout(100)
    assert world.streams == []
    world.move(f"{7:016x}", "failed", "The disk is full.")
    page.evaluate(hide + " document.dispatchEvent(new Event('visibilitychange')); }", False)
    page.get_by_text("The disk is full.").wait_for()


def test_a_one_time_link_logs_in_and_leaves_no_trace(visit, fake):
    visitor = visit(fake[0])
    page = visitor.page
    sent = []
    page.context.route("**/api/login", lambda route: (sent.append(route.request.post_data), route.fulfill(status=204)))
    page.goto(visitor.base + "login#one-time-code")
    page.get_by_role("heading", name="Jobs", level=1).wait_for()
    assert sent == ['{"code":"one-time-code"}']
    page.wait_for_function("!location.href.includes('one-time-code')")


def test_the_machines_that_share_the_queue_are_listed_with_what_they_run(visit, fake):
    base, world = fake
    page = visit(base).open("#/settings")
    page.get_by_role("heading", name="This machine").wait_for()
    assert page.get_by_text("Machines that share the queue").count() == 0, "nobody shares it"
    world.machines = [
        {"name": "desk", "here": True, "slots": {"cpu": 2, "gpu": 0}, "leases": {}},
        {"name": "rack-7", "here": False, "slots": {"cpu": 5, "gpu": 4}, "leases": {"gpu:1": f"{7:016x}"}},
    ]
    page.reload()
    rows = page.get_by_role("region", name="Machines that share the queue").get_by_role("row")
    rows.nth(2).wait_for()
    assert rows.nth(1).inner_text().split("\t") == ["desk (this server)", "2 CPU, 0 GPU", "nothing"]
    assert "5 CPU, 4 GPU" in rows.nth(2).inner_text()
    assert rows.nth(2).get_by_role("link").get_attribute("href") == f"#/jobs/{7:016x}"
