import pytest

from deepsynth.models import families
from deepsynth.workflows import plan_tables
from deepsynth.workflows.plan_tables import plan_table, preset_table
from deepsynth.workflows.presets import PRESETS, ROOM

SETTINGS = {"batch_size": 2, "gradient_checkpointing": False, "keep_checkpoints": 1}


@pytest.fixture(scope="module")
def loaded():
    return families.get("deepseek_ocr").build("tiny")


def test_every_way_of_training_has_a_line(loaded):
    lines = plan_table(loaded, "nano-128", SETTINGS, freeze=(), rank=4).splitlines()
    ways = [line[2:22].strip() for line in lines[1:5]]
    assert ways == ["full, float32", "full, bf16 autocast", "LoRA, bfloat16", "QLoRA"]
    assert lines[5].startswith(f"  rows of {21 + ROOM} tokens;")
    shorter = plan_table(loaded, "nano-128", SETTINGS, freeze=(), rank=4, max_length=64)
    assert "  rows of 64 tokens;" in shorter


def test_whether_it_fits_is_said_where_the_memory_is_known(loaded, monkeypatch):
    tables = {}
    for room in (None, 1, 2**50):
        monkeypatch.setattr(plan_tables, "place", lambda room=room: ("cpu", room))
        tables[room] = preset_table(loaded, "nano-128")
    assert "fit" not in tables[None].lower().replace("fit together", "")
    assert tables[1].count("DOES NOT FIT here") == len(PRESETS)
    assert tables[2**50].count("  fits here") == len(PRESETS)
