"""What the two DeepSeek-OCR families share: everything but their classes, settings and order of page features."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers.utils import logging as transformers_logging

from deepsynth.core.errors import ModelError, SettingsError
from deepsynth.core.geometry import MODES, Grid, Layout, Mode, mode
from deepsynth.core.processor import Processor
from deepsynth.models.decoding import Decoder
from deepsynth.models.encoder_apart import Half, class_without
from deepsynth.models.family import LoadedModel, LoraTargets, ModelOutput, Part, Reduction, TokenRules, check_choice
from deepsynth.models.folders import CONFIG, read_json
from deepsynth.models.generation import generate, search_beams
from deepsynth.models.loading import load_strictly
from deepsynth.models.origin import Origin
from deepsynth.models.parts import lora_targets, model_parts, unwrap
from deepsynth.models.processor import DeepseekOcrProcessor
from deepsynth.models.reading import encode_pages, kernels
from deepsynth.models.tokenizer import JsonTokenizer

_NATIVE_LAYERS, _OFFICIAL_LAYERS = "model.language_model.layers.", "model.layers."


class PageFamily(abc.ABC):
    """A `ModelFamily` whose model class reads batches through `ReadsPages`."""

    name: str
    layout: Layout
    sizes: tuple[str, ...]
    model_class: Any
    usual_modes: tuple[str, ...]
    """Modes to offer first, where they fit."""
    stock_type: str
    """The model type under which transformers knows the architecture."""
    stock_class: str
    """The class that it has there."""
    unread: tuple[str, ...] = ()
    """Official keys that the model does not read."""

    @abc.abstractmethod
    def supports(self, config: Mapping[str, Any]) -> bool:
        """See `ModelFamily.supports`."""

    @abc.abstractmethod
    def is_official(self, config: Mapping[str, Any]) -> bool:
        """Return whether a config.json is the official one, to be translated."""

    @abc.abstractmethod
    def read_config(self, config: Mapping[str, Any]) -> Any:
        """Return transformers' settings for a config.json of either layout."""

    @abc.abstractmethod
    def write_config(self, settings: Any) -> dict[str, Any]:
        """Return the official config.json for transformers' settings; `read_config` reads it back."""

    @abc.abstractmethod
    def size_config(self, size: str) -> Any:
        """Return the settings of a named size."""

    @abc.abstractmethod
    def size_tokenizer(self, size: str) -> JsonTokenizer | None:
        """Return the tokenizer that belongs to a named size, if it is bundled."""

    def initialize(self, model: Any) -> None:
        """Set what upstream leaves at zero: SAM's table of positions, without which windows all look alike."""
        nn.init.trunc_normal_(model.model.vision_tower.sam_encoder.pos_embed, std=0.02)

    def load(
        self, folder: Path, *, dtype: torch.dtype = torch.float32, device: str = "cpu", without: Half | None = None
    ) -> LoadedModel:
        """See `ModelFamily.load`."""
        config = read_json(folder / CONFIG)
        settings = self.read_config(config)
        transformers_logging.disable_progress_bar()
        place = torch.device(device).type
        attention, _ = kernels(settings.text_config.hidden_size, place)
        built = class_without(self.model_class, without) if without else self.model_class
        model = load_strictly(built, settings, folder, dtype=dtype, device=device, attention=attention)
        model.__class__ = self.model_class
        if without != "decoder":
            model.choose_kernels(place)
        return LoadedModel(
            model=model,
            family=self,
            tokenizer=JsonTokenizer.find(folder, image_token_id=settings.image_token_id),
            source=folder,
            origin=Origin.read(folder, self.unread) if self.is_official(config) else Origin.find(folder),
        )

    def build(
        self, size: str, *, seed: int = 0, dtype: torch.dtype = torch.float32, device: str | None = None
    ) -> LoadedModel:
        """See `ModelFamily.build`."""
        check_choice(f"{self.name} size", size, self.sizes)
        place = device or ("meta" if size == "full" else "cpu")
        with torch.random.fork_rng(devices=[]), torch.device(place):
            torch.manual_seed(seed)
            settings = self.size_config(size)
            attention, _ = kernels(settings.text_config.hidden_size, torch.device(place).type)
            model = self.model_class._from_config(settings, attn_implementation=attention, dtype=dtype)
            self.initialize(model)
        model.choose_kernels(torch.device(place).type)
        return LoadedModel(model=model, family=self, tokenizer=self.size_tokenizer(size))

    def processor(self, loaded: LoadedModel, mode_name: str | None = None) -> Processor:
        """See `ModelFamily.processor`.

        Raises:
            SettingsError: the mode does not fit the model.
            ModelError: the model came without a tokenizer.
        """
        fitting = self.modes(loaded.model)
        chosen = mode(mode_name or fitting[0])
        if chosen.name not in fitting:
            raise SettingsError(
                f"mode {chosen.name!r} does not fit this {self.name} model; it reads {', '.join(fitting)}", field="mode"
            )
        if loaded.tokenizer is None:
            raise ModelError(f"{loaded.source or self.name} has no tokenizer.json beside its weights; put it there")
        return DeepseekOcrProcessor(chosen, loaded.tokenizer)

    def modes(self, model: nn.Module) -> list[str]:
        """See `ModelFamily.modes`."""
        token_px = 4 * unwrap(model).config.vision_config.sam_config.patch_size
        fitting = [item.name for item in MODES.values() if self._fits(item, token_px)]
        return sorted(fitting, key=lambda name: name not in self.usual_modes)

    def _fits(self, item: Mode, token_px: int) -> bool:
        return item.layout == self.layout and item.token_px == token_px

    def official_config(self, model: nn.Module) -> dict[str, Any]:
        """See `ModelFamily.official_config`."""
        return self.write_config(unwrap(model).config)

    def stock_config(self, model: nn.Module) -> dict[str, Any]:
        """See `ModelFamily.stock_config`."""
        settings = unwrap(model).config.to_dict()
        return {**settings, "model_type": self.stock_type, "architectures": [self.stock_class]}

    def parts(self, model: nn.Module) -> Mapping[str, list[Part]]:
        """See `ModelFamily.parts`."""
        return model_parts(model)

    def vision_modules(self, model: nn.Module) -> list[Part]:
        """See `ModelFamily.vision_modules`."""
        parts = model_parts(model)
        return [*parts["sam"], *parts["clip"]]

    def embedding_modules(self, model: nn.Module) -> list[nn.Module]:
        """See `ModelFamily.embedding_modules`."""
        return [unwrap(model).model.language_model.embed_tokens]

    def lora_targets(self, preset: str) -> LoraTargets:
        """See `ModelFamily.lora_targets`."""
        return lora_targets(preset)

    def original_adapter_name(self, name: str) -> str:
        """See `ModelFamily.original_adapter_name`."""
        return name.replace(_NATIVE_LAYERS, _OFFICIAL_LAYERS)

    def native_adapter_name(self, name: str) -> str:
        """See `ModelFamily.native_adapter_name`."""
        return name if _NATIVE_LAYERS in name else name.replace(_OFFICIAL_LAYERS, _NATIVE_LAYERS)

    def forward(
        self,
        model: nn.Module,
        batch: Mapping[str, Any],
        *,
        reduction: Reduction = "sum",
        with_logits: bool = False,
        with_balance_loss: bool = False,
    ) -> ModelOutput:
        """See `ModelFamily.forward`; goes through `model(...)`, so wrappers see an ordinary call."""
        return model(batch=batch, reduction=reduction, with_logits=with_logits, with_balance_loss=with_balance_loss)

    def encode_pages(
        self, model: nn.Module, global_views: Tensor, tiles: Tensor | None, grids: Sequence[Grid]
    ) -> list[Tensor]:
        """See `ModelFamily.encode_pages`."""
        return encode_pages(unwrap(model), global_views, tiles, grids)

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
        """See `ModelFamily.generate`."""
        return generate(
            unwrap(model),
            batch,
            max_new_tokens=max_new_tokens,
            min_new_tokens=min_new_tokens,
            num_beams=num_beams,
            temperature=temperature,
            top_p=top_p,
            no_repeat_ngram_size=no_repeat_ngram_size,
            no_repeat_ngram_window=no_repeat_ngram_window,
        )

    def decoder(self, model: nn.Module) -> Decoder:
        """See `ModelFamily.decoder`."""
        return Decoder(unwrap(model))

    def search_beams(
        self, model: nn.Module, batch: Mapping[str, Any], rules: TokenRules, num_beams: int
    ) -> list[list[int]]:
        """See `ModelFamily.search_beams`."""
        return search_beams(unwrap(model), batch, rules, num_beams)
