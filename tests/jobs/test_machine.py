from deepsynth.jobs.machine import (
    Accelerator,
    accelerators,
    disk_free,
    memory_available,
    memory_limit,
    parse_accelerators,
)


def test_the_drivers_lines_become_accelerators():
    text = "0, NVIDIA H100 80GB HBM3, 81559\n1, NVIDIA H100 80GB HBM3, 81559\nnonsense\n"
    found = parse_accelerators(text)
    assert found[1] == Accelerator(index=1, name="NVIDIA H100 80GB HBM3", memory_bytes=81559 * 2**20)
    assert len(found) == 2


def test_a_machine_without_the_drivers_tool_has_none(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    accelerators.cache_clear()
    assert accelerators() == ()
    accelerators.cache_clear()


def test_memory_and_disk_are_plausible(tmp_path):
    assert 0 < memory_available() <= memory_limit()
    assert disk_free(tmp_path / "not" / "there") > 0
