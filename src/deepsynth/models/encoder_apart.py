"""The vision encoder apart from its decoder.

Training on cached visual tokens needs the decoder alone: the encoder is neither read from disk nor built on the device.
Filling that cache needs the encoder alone. A half is loaded as strictly as the whole: every key of the files must
find its place, or belong to the half that is left out. A checkpoint of a model without encoder gets the encoder's
weights back from a file of their own (see `saving`), so it is whole like any other.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import safe_open
from torch import Tensor, nn

from deepsynth.core.errors import ModelError

Half = Literal["encoder", "decoder"]

ENCODER_KEYS = re.compile(r"^model\.(vision_tower|sam_model|vision_model|qwen2_model)\.")
"""Keys of the encoder, in either layout."""
PROJECTOR_KEYS = re.compile(r"^model\.(multi_modal_projector|projector|image_newline|view_separator|view_seperator)")
"""Keys of what stands between encoder and decoder; both halves hold it."""
DECODER_KEYS = re.compile(r"^(lm_head\.|model\.(language_model|embed_tokens|layers|norm)\.)")


class Absent(nn.Module):
    """Stands where a half was left out."""

    def __init__(self, what: str) -> None:
        super().__init__()
        self.what = what

    def forward(self, *_args: Any, **_keywords: Any) -> Any:
        """Refuse.

        Raises:
            ModelError: always.
        """
        raise ModelError(f"this model was loaded without its {self.what}, so it cannot be used here")


def leave_out(model: Any, half: Half) -> None:
    """Take a half out of a model, in place."""
    if half == "encoder":
        model.model.vision_tower = Absent("vision encoder")
    else:
        model.model.language_model, model.lm_head = Absent("decoder"), Absent("decoder")


def lacks_encoder(model: Any) -> bool:
    """Tell whether the encoder was left out."""
    return isinstance(model.model.vision_tower, Absent)


def class_without(model_class: Any, half: Half) -> Any:
    """Return a class that builds the model without a half and passes over its keys in files."""

    def build(self: Any, config: Any) -> None:
        model_class.__init__(self, config)
        leave_out(self, half)

    keys = ENCODER_KEYS if half == "encoder" else DECODER_KEYS
    members = {"__init__": build, "_keys_to_ignore_on_load_unexpected": [keys.pattern]}
    return type(model_class.__name__, (model_class,), members)  # the name is what key mappings are registered under


def fingerprint(tensors: Mapping[str, Tensor]) -> str:
    """Return a hash of tensors: their names, types, shapes and bytes."""
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(tensors):
        _feed(digest, name, tensors[name])
    return digest.hexdigest()


def file_fingerprint(files: Mapping[str, tuple[Path, Any]], *, projector: bool) -> str:
    """Return the hash of the encoder's tensors in weight files, one read at a time; with the projector's if asked.

    Raises:
        ModelError: the files hold no encoder.
    """
    wanted = [name for name in sorted(files) if _is_encoder(name, projector=projector)]
    if not any(ENCODER_KEYS.match(name) for name in wanted):
        raise ModelError("the weights hold no vision encoder")
    digest = hashlib.blake2b(digest_size=16)
    for name in wanted:
        with safe_open(files[name][0], framework="pt") as file:
            _feed(digest, name, file.get_tensor(name))
    return digest.hexdigest()


def state_fingerprint(model: nn.Module, *, projector: bool) -> str:
    """Return the hash of the encoder's tensors of a model in memory; with the projector's if asked."""
    return fingerprint(
        {name: value for name, value in model.state_dict().items() if _is_encoder(name, projector=projector)}
    )


def _is_encoder(name: str, *, projector: bool) -> bool:
    return bool(ENCODER_KEYS.match(name) or (projector and PROJECTOR_KEYS.match(name)))


def _feed(digest: Any, name: str, value: Tensor) -> None:
    digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
    digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
