"""Writing a model as a folder that `load_model` reads: weights in the official layout, settings, tokenizer."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from huggingface_hub import split_torch_state_dict_into_shards
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers.core_model_loading import revert_weight_conversion

from deepsynth.core.errors import ModelError
from deepsynth.core.files import write_json
from deepsynth.models.encoder_apart import ENCODER_KEYS, lacks_encoder
from deepsynth.models.family import LoadedModel
from deepsynth.models.folders import WEIGHTS, WEIGHTS_INDEX
from deepsynth.models.four_bit import packed_experts
from deepsynth.models.parts import unwrap


@contextmanager
def system_errors() -> Generator[None]:
    """Turn what safetensors says of the operating system's refusals into the `OSError` that it hides.

    A full disk reaches Python as "I/O error: No space left on device (os error 28)" in an error of its own kind; as an
    `OSError` it is handled like that of any other write (see `deepsynth.core.files.storage_errors`).
    """
    try:
        yield
    except SafetensorError as error:
        found = re.search(r"\(os error (\d+)\)", str(error))
        if found is None:
            raise
        raise OSError(int(found[1]), str(error)) from error


def save_model(loaded: LoadedModel, folder: Path) -> None:
    """Write a checkpoint into `folder`: weights under their official names, our config.json, tokenizer, and the origin.

    For other programs there is `deepsynth.models.exporting`. A model that was loaded without its encoder gets it back from
    its `encoder_file`.

    Raises:
        ModelError: there is no such file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model = loaded.model
    tensors = {key: value.detach().cpu().contiguous() for key, value in official_state(model).items()}
    write_weights(tensors | _encoder_of(loaded), folder)
    model.config.dtype, model.config.architectures = model.dtype, [type(model).__name__]
    model.config.save_pretrained(folder)
    if loaded.tokenizer is not None:
        loaded.tokenizer.save(folder)
    if loaded.origin is not None:
        loaded.origin.save(folder)


def write_encoder_file(model: Any, path: Path) -> None:
    """Write the encoder of a model alone, under its official names, whole or not at all."""
    tensors = {key: value for key, value in official_state(model).items() if ENCODER_KEYS.match(key)}
    temporary = path.with_name(f".{path.name}")
    save_file({key: value.detach().cpu().contiguous() for key, value in tensors.items()}, temporary)
    temporary.replace(path)


def _encoder_of(loaded: LoadedModel) -> dict[str, Tensor]:
    """Return the weights that a model was loaded without."""
    if not lacks_encoder(unwrap(loaded.model)):
        return {}
    if loaded.encoder_file is None or not loaded.encoder_file.is_file():
        raise ModelError(
            f"the encoder's weights are not at {loaded.encoder_file}; fill the cache of visual tokens again"
        )
    return load_file(loaded.encoder_file)


def official_state(model: Any) -> dict[str, Tensor]:
    """Return the model's weights under their official keys; works on the meta device.

    Raises:
        ModelError: experts are in 4 bits, so the weights themselves are gone.
    """
    if packed_experts([model]):
        raise ModelError("experts in 4 bits cannot be written as weights; save adapters, and export them merged")
    before = getattr(model, "_weight_conversions", None)
    model._weight_conversions = None  # it holds the names of the folder that was read, whatever they were
    try:
        return dict(revert_weight_conversion(model, model.state_dict()))
    finally:
        model._weight_conversions = before


def write_weights(tensors: Mapping[str, Tensor], folder: Path, *, max_shard: str = "5GB") -> None:
    """Write model.safetensors, or numbered files of at most `max_shard` with an index."""
    pattern = WEIGHTS.replace(".safetensors", "{suffix}.safetensors")
    split = split_torch_state_dict_into_shards(dict(tensors), filename_pattern=pattern, max_shard_size=max_shard)
    for name, keys in split.filename_to_tensors.items():
        save_file({key: tensors[key] for key in keys}, folder / name, metadata={"format": "pt"})
        (folder / name).chmod(0o644)  # the library makes files that only their owner may read
    if split.is_sharded:
        write_json(folder / WEIGHTS_INDEX, {"metadata": split.metadata, "weight_map": split.tensor_to_filename})
