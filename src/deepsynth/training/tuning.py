"""What of a model learns, and what of it a checkpoint holds: all its weights, or LoRA adapters beside frozen ones.

PEFT puts the adapters in; reading and writing them is done here. Its own reader matches `layers.` anywhere in a name and so
restores nothing for these models, with a mere warning. Files carry the official module names, so other programs read them.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from deepsynth.core.errors import ModelError
from deepsynth.core.files import new_folder, write_json
from deepsynth.inference.adapters import ADAPTER, ADAPTER_SETTINGS, PREFIX
from deepsynth.inference.stored import TRAINED_WITH
from deepsynth.models import Half, LoadedModel, build_size, load_model, save_model, system_errors
from deepsynth.models.encoder_apart import leave_out
from deepsynth.models.family import ModelFamily
from deepsynth.models.four_bit import check_available, quantize_experts
from deepsynth.training.config import LoraConfig, TrainerConfig
from deepsynth.training.merging import merge_adapters
from deepsynth.training.model_utils import freeze_parts

if TYPE_CHECKING:
    import peft

_ENCODERS = ("vision_tower", "vision_model", "sam_model", "qwen2_model")
"""What the vision encoder is called in the trees that adapters may be loaded into."""


class Tuning(Protocol):
    """A way to train a model."""

    def load(self, config: TrainerConfig, checkpoint: Path | None, device: str) -> LoadedModel:
        """Return the model ready to train: from the start, or as the checkpoint left it."""
        ...

    def save(self, loaded: LoadedModel, folder: Path) -> None:
        """Write what training changes."""
        ...


class FullTuning:
    """Every part learns that is not frozen; a checkpoint is a whole model."""

    def load(self, config: TrainerConfig, checkpoint: Path | None, device: str) -> LoadedModel:
        """Return the model with its frozen parts frozen.

        Raises:
            ModelError: the model cannot be read, or a part to freeze holds nothing.
        """
        dtype: torch.dtype = getattr(torch, config.weights)
        without = _left_out(config)
        if checkpoint:
            loaded = load_model(checkpoint, device=device, dtype=dtype, without=without)
        else:
            loaded = load_base(config, device, dtype)
        frozen = [part for part in config.freeze if not (without and part in ("sam", "clip"))]
        if frozen:
            freeze_parts(loaded.model, frozen)
        return loaded

    def save(self, loaded: LoadedModel, folder: Path) -> None:
        """Write the whole model."""
        save_model(loaded, folder)


class LoraTuning:
    """Low-rank adapters learn and all else is frozen; a checkpoint holds the adapters alone."""

    def __init__(self, settings: LoraConfig) -> None:
        self.settings = settings

    def load(self, config: TrainerConfig, checkpoint: Path | None, device: str) -> LoadedModel:
        """Return the base model with adapters: new ones, which change nothing yet, or those of the checkpoint.

        Raises:
            ModelError: the model cannot be read, has no layer to adapt, or the adapters do not fit it.
            SettingsError, MissingExtraError: experts in 4 bits cannot be had here.
        """
        loaded = load_frozen_base(config, self.settings, device)
        inject_adapters(loaded, self.settings)
        if checkpoint is not None:
            read_adapters(loaded, checkpoint)
        return loaded

    def save(self, loaded: LoadedModel, folder: Path) -> None:
        """Write the adapters and their settings."""
        write_adapters(loaded, self.settings, folder)


def make_tuning(config: TrainerConfig) -> Tuning:
    """Return the way of training that the settings ask for."""
    return FullTuning() if config.lora is None else LoraTuning(config.lora)


def load_base(config: TrainerConfig, device: str = "cpu", dtype: torch.dtype = torch.float32) -> LoadedModel:
    """Return the model that a run starts from: the bundled one, a size with random weights, a folder or a Hub id.

    A run on cached visual tokens leaves the encoder out.
    """
    without = _left_out(config)
    built = build_size(config.model, seed=config.seed, dtype=dtype)
    if built is not None:
        if without:
            leave_out(built.model, without)
        return built
    return load_model(config.model, device=device, dtype=dtype, without=without)


def _left_out(config: TrainerConfig) -> Half | None:
    return None if config.cache is None else "encoder"


def load_frozen_base(config: TrainerConfig, settings: LoraConfig, device: str) -> LoadedModel:
    """Return the base model as LoRA keeps it: in its own dtype, and with the routed experts in 4 bits when asked for.

    Raises:
        ModelError: it cannot be read.
        SettingsError, MissingExtraError: experts in 4 bits cannot be had here.
    """
    dtype: torch.dtype = getattr(torch, settings.base_dtype)
    if not settings.quantize_experts:
        return load_base(config, device, dtype)
    check_available(device)
    loaded = load_base(config, "cpu", dtype)  # the device sees one unpacked layer at a time
    quantize_experts(loaded.model, device)
    loaded.model.to(device)
    return loaded


def inject_adapters(loaded: LoadedModel, settings: LoraConfig) -> None:
    """Freeze the model and put adapters into it, in place.

    Raises:
        ModelError: no layer of the model is a target.
    """
    peft = _import_peft()
    try:
        peft.inject_adapter_in_model(_peft_config(loaded.family, settings), loaded.model)
    except ValueError as error:
        raise ModelError(f"LoRA with targets {settings.targets!r} does not fit this model: {error}") from error
    for name, parameter in loaded.model.named_parameters():
        parameter.requires_grad = "lora_" in name
        if parameter.requires_grad:
            parameter.data = parameter.data.float()  # bfloat16 would swallow small steps


def write_adapters(loaded: LoadedModel, settings: LoraConfig, folder: Path) -> None:
    """Write adapter_model.safetensors and adapter_config.json, named as PEFT and the official module tree name them."""
    name = loaded.family.original_adapter_name
    tensors = {name(key): value.detach().contiguous().cpu() for key, value in _adapters(loaded.model).items()}
    save_file(tensors, folder / ADAPTER, metadata={"format": "pt"})
    config = _peft_config(loaded.family, settings).to_dict()
    config["base_model_name_or_path"] = None if loaded.source is None else str(loaded.source)
    # one pattern for every tree that these layers stand in (ours, the official, the stock one), never for the encoder
    _, _, layer = str(config["target_modules"]).partition(r"layers\.")
    config["target_modules"] = rf".*layers\.{layer}"
    config["exclude_modules"] = rf".*({'|'.join(_ENCODERS)}).*"
    write_json(folder / ADAPTER_SETTINGS, json.loads(json.dumps(config, default=_plain)))


def read_adapters(loaded: LoadedModel, folder: Path) -> None:
    """Fill the model's adapters from a folder.

    Raises:
        ModelError: the file is absent or damaged, or its tensors are not exactly those of the model.
    """
    path = folder / ADAPTER
    try:
        found = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from error
    found = {loaded.family.native_adapter_name(key): value for key, value in found.items()}
    wanted = _adapters(loaded.model)
    wrong = sorted(
        key
        for key in {*found, *wanted}
        if key not in found or key not in wanted or found[key].shape != wanted[key].shape
    )
    if wrong:
        raise ModelError(
            f"{path} does not fit the model and its LoRA settings: {', '.join(wrong[:4])} ({len(wrong)} in all)"
        )
    for key, value in wanted.items():
        value.data.copy_(found[key])


def load_trained(checkpoint: Path) -> LoadedModel:
    """Return the model of any training checkpoint: the whole model, or base and adapters merged.

    Raises:
        ModelError: the base model cannot be read, or the adapters do not fit it.
    """
    return merge_adapters(load_adapted(checkpoint)) if is_adapter(checkpoint) else load_model(checkpoint)


def is_adapter(checkpoint: Path) -> bool:
    """Tell whether a folder holds adapters instead of a whole model."""
    return (checkpoint / ADAPTER).is_file()


def load_adapted(checkpoint: Path) -> LoadedModel:
    """Return the base model of a checkpoint with its adapters in place, not merged.

    The base is whole and in float32, also where training kept it smaller: merging into rounded weights would be for good.

    Raises:
        ModelError: the base model cannot be read, or the adapters do not fit it.
    """
    settings = adapter_settings(checkpoint)
    whole = settings.override({"lora": {"base_dtype": "float32", "quantize_experts": False}, "cache": None})
    return make_tuning(whole).load(whole, checkpoint, "cpu")


def adapter_settings(checkpoint: Path) -> TrainerConfig:
    """Return the settings that a checkpoint of adapters was trained with.

    Raises:
        ModelError: the folder holds adapters of another program, which do not say how they were trained.
    """
    path = checkpoint / TRAINED_WITH
    if not path.is_file():
        raise ModelError(f"{checkpoint} holds adapters without trainer.json; only DeepSynth's own can be merged here")
    return TrainerConfig.load(path)


def save_merged(checkpoint: Path, out: Path) -> Path:
    """Write the model of a training checkpoint as an ordinary model folder, whole or not at all; return it."""
    loaded = load_trained(checkpoint)
    with new_folder(out, {"merged_from": checkpoint.name}) as folder, system_errors():
        save_model(loaded, folder)
        TrainerConfig.load(checkpoint / TRAINED_WITH).save(folder / TRAINED_WITH)
    return out


def _import_peft() -> ModuleType:
    """Return PEFT; imported when it is needed, since it loads whatever quantization library is installed.

    bitsandbytes then warns that it lacks a kernel for products in 4 bits, which nothing here calls; the warning is kept back.
    """
    logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)
    import peft

    return peft


def _peft_config(family: ModelFamily, settings: LoraConfig) -> peft.LoraConfig:
    peft = _import_peft()
    targets = family.lora_targets(settings.targets)
    return peft.LoraConfig(
        task_type=peft.TaskType.CAUSAL_LM,
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=targets.target_modules,
        target_parameters=list(targets.target_parameters) or None,
    )


def _adapters(model: nn.Module) -> Mapping[str, Tensor]:
    """Return the adapters' parameters under the names that PEFT's files give them, in the native tree."""
    parameters = model.named_parameters()
    return {PREFIX + name.replace(".default.", "."): value for name, value in parameters if ".lora_" in name}


def _plain(value: Any) -> Any:
    """Turn what JSON lacks (sets, enumerations) into what it has."""
    return sorted(value) if isinstance(value, set) else str(value)
