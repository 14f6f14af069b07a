"""One process of a distributed run, started by `test_several_processes_equal_one`: python run_distributed.py RANK PORT OUT."""

import json
import os
import sys
from pathlib import Path


def main(rank: str, port: str, out: str, pause: str) -> None:
    os.environ |= {
        "RANK": rank,
        "LOCAL_RANK": rank,
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": port,
        "ACCELERATE_USE_CPU": "true",
        "OMP_NUM_THREADS": "1",
    }
    from deepsynth.core.errors import Paused
    from deepsynth.training.config import TrainerConfig
    from deepsynth.training.production_trainer import DeepSynthProductionTrainer

    sys.path.insert(0, str(Path(__file__).parent))
    from test_production_trainer import PauseAt

    from conftest import Rows

    config = TrainerConfig.load(Path(out) / "settings.json")
    trainer = DeepSynthProductionTrainer(config, control=PauseAt(int(pause)) if int(pause) and rank == "0" else None)
    try:
        trainer.train(Rows(), Rows())
    except Paused:
        assert int(pause) == trainer.state.step
    assert trainer.team.processes == 2
    Path(out, f"losses-{rank}.json").write_text(json.dumps([trainer.losses, trainer.state.examples]))


if __name__ == "__main__":
    main(*sys.argv[1:])
