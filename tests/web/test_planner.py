import json
import threading
import time

from deepsynth.core.built_in import BUILT_IN
from deepsynth.web.planner import Planner, ask

CONFIG = {"model": "nano", "batch_size": 2, "rendering": {"mode": "nano-128"}, "output_dir": "/x", "num_epochs": 3}


def settled(planner, config):
    end = time.monotonic() + 30
    while (found := planner.plan(config)) is None:
        assert time.monotonic() < end
        time.sleep(0.01)
    return found


def test_a_plan_is_made_once_and_for_what_it_depends_on():
    asked = []
    planner = Planner(lambda text: asked.append(json.loads(text)) or {"peak_bytes": len(asked)})
    assert settled(planner, CONFIG) == {"peak_bytes": 1}
    assert settled(planner, CONFIG | {"output_dir": "/y", "num_epochs": 9}) == {"peak_bytes": 1}
    assert settled(planner, CONFIG | {"batch_size": 4}) == {"peak_bytes": 2}
    assert "output_dir" not in asked[0]


def test_the_question_is_answered_at_once_and_of_many_changes_the_last_is_planned():
    asked, go = [], threading.Event()

    def slow(text):
        asked.append(json.loads(text)["batch_size"])
        assert go.wait(30)
        return {"peak_bytes": 1}

    planner = Planner(slow)
    for size in range(1, 20):
        assert planner.plan(CONFIG | {"batch_size": size}) is None
    go.set()
    settled(planner, CONFIG | {"batch_size": 19})
    assert asked[-1] == 19
    assert len(asked) <= 2


def test_a_model_that_would_have_to_be_fetched_is_not():
    planner = Planner(lambda text: {}["never"])
    assert "once it has been loaded" in planner.plan({**CONFIG, "model": "somebody/model"})["error"]


def test_the_process_plans_and_its_errors_are_words():
    found = ask(json.dumps({"model": "tiny"}))
    assert found["peak_bytes"] > found["parts"]["weights"] > 0
    assert "rank" in ask(json.dumps({"model": "tiny", "lora": {"rank": 0}}))["error"]


def test_every_model_that_needs_no_download_is_planned():
    planner = Planner(lambda text: {"peak_bytes": 1})
    for model in BUILT_IN:
        assert settled(planner, {**CONFIG, "model": model}) == {"peak_bytes": 1}
