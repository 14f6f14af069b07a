import stat

from deepsynth.web.services import make_services


def test_everything_is_for_its_owner_alone(config):
    made = make_services(config, None, environment={})
    root = made.place.state_dir
    assert stat.S_IMODE(root.stat().st_mode) == 0o700
    for path in root.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    made.store.close()


def test_slots_are_those_of_the_settings(config):
    made = make_services(config.override({"cpu_slots": 3}), None, environment={})
    assert made.scheduler.capacity["cpu"] == 3
    made.store.close()
