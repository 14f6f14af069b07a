"""The same trainer with adapters: a few megabytes learn, the model beside them is left as it is.

There is no second training loop. This class turns `lora` on and adds what adapters need after training: a folder of their own,
the merged model, and a way back in.
"""

from __future__ import annotations

from pathlib import Path

from deepsynth.core.control import Control
from deepsynth.core.errors import SettingsError
from deepsynth.core.files import new_folder
from deepsynth.core.progress import Reporter
from deepsynth.models import LoadedModel, save_model
from deepsynth.training.checkpoint import TRAINER
from deepsynth.training.config import LoraConfig, TrainerConfig
from deepsynth.training.merging import merge_adapters
from deepsynth.training.production_trainer import DeepSynthProductionTrainer
from deepsynth.training.tuning import read_adapters, write_adapters


class DeepSynthLoRATrainer(DeepSynthProductionTrainer):
    """Trains LoRA adapters; `config.lora` says which, its defaults when it says nothing."""

    def __init__(
        self, config: TrainerConfig, *, reporter: Reporter | None = None, control: Control | None = None
    ) -> None:
        """See `DeepSynthProductionTrainer`."""
        self.lora = config.lora or LoraConfig()
        super().__init__(config.override({"lora": self.lora.model_dump()}), reporter=reporter, control=control)

    def save_adapters(self, folder: Path) -> Path:
        """Write the adapters, and nothing else, into a new folder."""
        with new_folder(folder) as target:
            write_adapters(self.loaded, self.lora, target)
        return folder

    def load_adapters(self, folder: Path) -> None:
        """Go on with saved adapters.

        Raises:
            ModelError: they do not fit the model and these LoRA settings.
        """
        read_adapters(self.loaded, folder)

    def merge(self) -> LoadedModel:
        """Return the model with its adapters merged in; this trainer has none afterwards and cannot train on."""
        if self.merged:
            raise SettingsError("the adapters are merged already; load them again to train on")
        self.merged = True
        return merge_adapters(self.loaded)

    def save_merged(self, folder: Path) -> Path:
        """Merge, and write an ordinary model folder."""
        loaded = self.merge()
        with new_folder(folder) as target:
            save_model(loaded, target)
            self.config.save(target / TRAINER)
        return folder

    merged = False
    """Whether `merge` was called."""
