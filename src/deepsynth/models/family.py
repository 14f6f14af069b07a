"""What a model family is: the one seam between DeepSynth and somebody's network.

The trainer, the collator and the web application know nothing of DeepSeek's modules. They ask a family: load this
folder, give me your processor, which modules are the vision encoder, what loss does this batch have, what do you
write about it. A family recognizes its own checkpoints (`supports`), so `load_model` needs no table of model types.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn

from deepsynth.core.errors import SettingsError
from deepsynth.core.geometry import Grid, Layout
from deepsynth.core.processor import Processor
from deepsynth.core.registry import Registry
from deepsynth.models.encoder_apart import Half
from deepsynth.models.origin import Origin

Reduction = Literal["sum", "mean"]
Part = nn.Module | nn.Parameter

PARTS = (
    "sam",
    "clip",
    "projector",
    "embeddings",
    "attention",
    "router",
    "experts",
    "shared_experts",
    "dense",
    "norms",
    "head",
)
"""The parts that can be frozen or given a learning rate; together they hold every parameter exactly once."""

LORA_PRESETS = ("attention", "attention+shared", "attention+experts", "all-linear")


class TokenCodec(Protocol):
    """A tokenizer as the families need it: text to ids and back, without special tokens slipping in."""

    bos_token_id: int
    eos_token_id: int
    pad_token_id: int
    image_token_id: int
    vocab_size: int

    def encode(self, text: str) -> list[int]:
        """Return the ids of plain text; nothing in it is read as a special token."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ids, special tokens left out."""
        ...

    def token_id(self, text: str) -> int | None:
        """Return the id of a text that is one token as it stands in the vocabulary, or none."""
        ...

    def save(self, folder: Path) -> None:
        """Write the tokenizer's files into `folder`."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelOutput:
    """What a batch gave."""

    loss: Tensor | None
    """Cross-entropy over the label tokens, summed or averaged as asked; none for a batch without labels."""
    num_label_tokens: int
    """Targets that `loss` sums over. Divide by those of the whole accumulated batch, not by this batch's."""
    logits: Tensor | None = None
    """*Shape:* (B, T, vocabulary); only when asked for, since training never needs them all."""
    balance_loss: Tensor | None = None
    """DeepSeek's sequence-level balance term of the experts, summed over layers, unscaled; only when asked for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenRules:
    """How one row is written."""

    max_new_tokens: int
    min_new_tokens: int = 0
    """The end is not allowed before so many."""
    temperature: float = 0.0
    """0 takes the likeliest token."""
    top_p: float = 1.0
    """Sampling draws from the likeliest tokens that together have this probability."""
    seed: int | None = None
    """Decides what sampling draws, whatever stands beside the row; none takes one from torch's global generator."""
    no_repeat_ngram_size: int = 0
    """An n-gram of this size may not come twice within the window; 0 allows all."""
    no_repeat_ngram_window: int = 0
    """New tokens that the rule looks back on; 0 means all of them."""
    no_repeat_allowed: frozenset[int] = frozenset()
    """Tokens that may come again nevertheless, such as those of a table's cells."""


class Decoding(Protocol):
    """Rows written side by side on one model; each may join and leave between two tokens."""

    @property
    def columns(self) -> int:
        """Length of the longest row, prompt included."""
        ...

    def __len__(self) -> int: ...

    def join(self, batch: Mapping[str, Any]) -> Tensor:
        """Read the prompts of a left-padded batch; return the logits of each one's next token.

        *Shape:* (rows of the batch, vocabulary), float32.
        """
        ...

    def step(self, tokens: Sequence[int]) -> Tensor:
        """Append one token to each row; return the logits of the next. *Shape:* (rows, vocabulary), float32."""
        ...

    def keep(self, rows: Sequence[int]) -> None:
        """Drop all rows but these, which stand in this order from now on."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class LoraTargets:
    """Where LoRA goes, in PEFT's own terms."""

    target_modules: str
    """A regular expression on whole module names."""
    target_parameters: tuple[str, ...] = ()
    """Endings of fused expert parameters; needs `lora_dropout` 0 and rules out DoRA."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadedModel:
    """A model with all that belongs to it."""

    model: Any
    """A `torch.nn.Module` of the family's class."""
    family: ModelFamily
    tokenizer: TokenCodec | None = None
    """None when the folder holds no tokenizer.json; then `processor` says so."""
    source: Path | None = None
    """The folder it was read from; none when freshly made."""
    origin: Origin | None = None
    """What else the official checkpoint held that this model comes from; export writes it back unchanged."""
    encoder_file: Path | None = None
    """The encoder's weights in the official layout, for a model that was loaded without it."""


class ModelFamily(Protocol):
    """A kind of model. Implementations: `deepseek_ocr` (tiny, nano, full) and `deepseek_ocr2`."""

    @property
    def name(self) -> str:
        """The name in the registry."""
        ...

    @property
    def layout(self) -> Layout:
        """How visual tokens are laid out: `v1` or `v2`."""
        ...

    @property
    def sizes(self) -> tuple[str, ...]:
        """The names that `build` knows."""
        ...

    def supports(self, config: Mapping[str, Any]) -> bool:
        """Return whether a config.json describes a model of this family."""
        ...

    def load(
        self, folder: Path, *, dtype: torch.dtype = torch.float32, device: str = "cpu", without: Half | None = None
    ) -> LoadedModel:
        """Read a folder in the official or in transformers' layout, or half of it (see `encoder_apart`).

        Raises:
            ModelError: a file, key or setting does not fit; the message lists what.
        """
        ...

    def build(
        self, size: str, *, seed: int = 0, dtype: torch.dtype = torch.float32, device: str | None = None
    ) -> LoadedModel:
        """Return a randomly initialized model of a named size; `full` goes to the meta device unless told otherwise."""
        ...

    def processor(self, loaded: LoadedModel, mode_name: str | None = None) -> Processor:
        """Return the processor for a mode; without a name, the family's usual one for this model."""
        ...

    def modes(self, model: nn.Module) -> list[str]:
        """Return the names of the modes whose geometry fits the model's encoder; the usual one first."""
        ...

    def parts(self, model: nn.Module) -> Mapping[str, list[Part]]:
        """Return modules and parameters by part; every parameter lies in exactly one."""
        ...

    def vision_modules(self, model: nn.Module) -> list[Part]:
        """Return what a frozen encoder means: SAM and CLIP (v2: the query encoder), not the projector."""
        ...

    def embedding_modules(self, model: nn.Module) -> list[nn.Module]:
        """Return the token embeddings."""
        ...

    def lora_targets(self, preset: str) -> LoraTargets:
        """Return the targets of a preset in `LORA_PRESETS`."""
        ...

    def official_config(self, model: nn.Module) -> dict[str, Any]:
        """Return a config.json in the official form that describes the model."""
        ...

    def stock_config(self, model: nn.Module) -> dict[str, Any]:
        """Return a config.json that transformers' stock class understands without DeepSynth."""
        ...

    def original_adapter_name(self, name: str) -> str:
        """Return the official module name for a native one, so that saved adapters load elsewhere."""
        ...

    def native_adapter_name(self, name: str) -> str:
        """Return the native module name for an official one; the inverse of `original_adapter_name`."""
        ...

    def forward(
        self,
        model: nn.Module,
        batch: Mapping[str, Any],
        *,
        reduction: Reduction = "sum",
        with_logits: bool = False,
        with_balance_loss: bool = False,
    ) -> ModelOutput:
        """Read a right-padded batch and return its loss.

        Raises:
            InputError: placeholders and visual tokens of a row differ; names the row, the mode and both counts.
        """
        ...

    def encode_pages(
        self, model: nn.Module, global_views: Tensor, tiles: Tensor | None, grids: Sequence[Grid]
    ) -> list[Tensor]:
        """Return each page's visual tokens, ready to take the place of its placeholders.

        A batch may carry them as `page_features` instead of pixels: that is what the cache does, and the logits are
        the same to the last bit.

        *Shapes:* global_views (P, 3, S, S), tiles (N, 3, K, K) uint8; each result (tokens of the page, hidden).
        """
        ...

    def generate(
        self,
        model: nn.Module,
        batch: Mapping[str, Any],
        *,
        max_new_tokens: int,
        min_new_tokens: int = 0,
        num_beams: int = 1,
        temperature: float = 0.0,
        top_p: float = 1.0,
        no_repeat_ngram_size: int = 0,
        no_repeat_ngram_window: int = 0,
    ) -> list[list[int]]:
        """Return the new ids of each row of a left-padded batch; a row that ended by itself ends with EOS."""
        ...

    def decoder(self, model: nn.Module) -> Decoding:
        """Return an empty decoder, on which rows are written side by side and may come and go."""
        ...

    def search_beams(
        self, model: nn.Module, batch: Mapping[str, Any], rules: TokenRules, num_beams: int
    ) -> list[list[int]]:
        """Return each row's best sequence of a beam search over a left-padded batch."""
        ...


families: Registry[ModelFamily] = Registry("deepsynth.models")
"""Every family by name; third parties add theirs through the entry-point group of the same name."""


def check_choice(kind: str, name: str, known: Sequence[str]) -> None:
    """Refuse a name that is not among the known ones.

    Raises:
        SettingsError: with the list of known names.
    """
    if name not in known:
        raise SettingsError(f"no {kind} {name!r}; known: {', '.join(known)}")
