import io
import json

from deepsynth.training.config import TrainerConfig
from deepsynth.workflows.estimate import estimate, main


def test_what_grows_with_the_batch_grows_and_what_does_not_stays():
    small, large = (estimate(TrainerConfig(model="tiny", batch_size=size)) for size in (1, 8))
    assert large.parts["activations"] > 7 * small.parts["activations"]
    assert large.parts["weights"] == small.parts["weights"]
    assert large.operations == small.operations > 1e6
    assert small.operations_per_second > 1e8
    assert small.checkpoints_bytes == 4 * small.checkpoint_bytes


def test_adapters_take_less_to_keep_and_to_move():
    full, adapters = (estimate(TrainerConfig.parse({"model": "tiny", "lora": lora})) for lora in (None, {"rank": 2}))
    assert adapters.parts["optimizer"] < full.parts["optimizer"]
    assert adapters.checkpoint_bytes < full.checkpoint_bytes


def test_it_reads_and_writes_json_and_a_mistake_is_one_line(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO('{"model": "tiny"}'))
    assert main() == 0
    assert json.loads(capsys.readouterr().out)["device"] in ("cpu", "cuda")
    monkeypatch.setattr("sys.stdin", io.StringIO('{"model": "tiny", "batch_size": 0}'))
    assert main() == 2
    assert "batch_size" in capsys.readouterr().err
