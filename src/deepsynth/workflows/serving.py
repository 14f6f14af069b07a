"""What vLLM has to be told to serve an export: settings, chat template, command line.

vLLM reads the official layout as it is. Three things it does not take from there: the prompt's form (without a template of
ours it may add roles that the model was not trained with), the sizes of pages (it always makes a global view of 1024 pixels
and at most 6 tiles of 640, whatever mode the model was trained in), and the sizes of the encoder, which it hard-codes.
Read in vLLM's source for version 0.11 and later; not run here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from deepsynth.core.errors import SettingsError

VLLM = "vllm.json"
"""The file in which an export says how vLLM serves it."""
_LOOP_GUARD = "vllm.model_executor.models.deepseek_ocr:NGramPerReqLogitsProcessor"
"""Forbids repeated n-grams where a request asks for it (`vllm_xargs`: ngram_size, window_size)."""


@dataclass(frozen=True, slots=True)
class _Template:
    name: str
    text: str


CHAT_TEMPLATE = _Template("chat_template.jinja", "{% for message in messages %}{{ message['content'] }}{% endfor %}")
"""The prompt as it was trained: page, line break, instruction; no roles. vLLM's processor puts the first id in front."""


def vllm_settings(official: Mapping[str, Any], dtype: str) -> dict[str, Any]:
    """Return how vLLM serves an export, `{folder}` standing for its place.

    Raises:
        SettingsError: the model is not of the published size.
    """
    small = sorted(tiny_keys(official))
    if small:
        raise SettingsError(
            f"vLLM builds the encoder at the published sizes only, and this model has others ({', '.join(small)})",
            field="for",
        )
    overrides = {"architectures": list(official["architectures"]), "model_type": official["model_type"]}
    options = {
        "--hf-overrides": json.dumps(overrides),
        "--dtype": dtype,
        "--max-model-len": str(official["language_config"]["max_position_embeddings"]),
        "--chat-template": "{folder}/" + CHAT_TEMPLATE.name,
        "--chat-template-content-format": "string",
        "--logits-processors": _LOOP_GUARD,
        "--mm-processor-cache-gb": "0",
    }
    flat = [word for pair in options.items() for word in pair]
    return {
        "hf_overrides": overrides,
        "command": ["vllm", "serve", "{folder}", *map(_quoted, flat), "--no-enable-prefix-caching"],
        "pages": "global view of 1024 pixels and up to 6 tiles of 640: train in mode gundam for the same view of a page",
    }


def vllm_adapter_settings(base: str, *, rank: int, targets: str) -> dict[str, Any]:
    """Return how vLLM serves adapters on their base model.

    Raises:
        SettingsError: they sit on routed experts, which vLLM has no place for.
    """
    if "experts" in targets or targets == "all-linear":
        raise SettingsError(
            f"vLLM cannot place adapters of routed experts ({targets}); export the merged model instead",
            field="for",
        )
    options = ["--enable-lora", "--max-lora-rank", str(rank), "--lora-modules", "deepsynth={folder}"]
    template = ["--chat-template", "{folder}/" + CHAT_TEMPLATE.name, "--chat-template-content-format", "string"]
    return {"base": base, "command": ["vllm", "serve", base, *options, *template, "--no-enable-prefix-caching"]}


def tiny_keys(value: Any) -> set[str]:
    """Return the keys of an official config that say that a size differs from what the official code hard-codes."""
    if not isinstance(value, Mapping):
        return set()
    mapping = cast("Mapping[str, Any]", value)
    found = {key for key in mapping if key.startswith("_tiny_")}
    return found.union(*(tiny_keys(inner) for inner in mapping.values()))


def _quoted(word: str) -> str:
    return f"'{word}'" if " " in word or '"' in word else word
