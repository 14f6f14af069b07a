"""Clears the settings of the surroundings first, so that a test sees the same world everywhere."""

import os

for name in [name for name in os.environ if name.startswith(("DEEPSYNTH_", "HF_", "WANDB_", "MLFLOW_"))]:
    del os.environ[name]
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

from hypothesis import settings  # noqa: E402  (its own settings are of the surroundings too)

settings.register_profile("untimed", deadline=None)  # a machine that is busy is no fault of the code
settings.load_profile("untimed")
