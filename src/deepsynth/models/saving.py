"""Writing a model as a folder that `load_model` reads: weights in the official layout, settings, tokenizer."""

from __future__ import annotations

from pathlib import Path

from transformers.utils import logging as transformers_logging

from deepsynth.models.family import LoadedModel


def save_model(loaded: LoadedModel, folder: Path, *, original: bool = True) -> None:
    """Write weights, config.json and the tokenizer into `folder`; keys as the official code names them when `original`."""
    transformers_logging.disable_progress_bar()
    loaded.model.save_pretrained(folder, save_original_format=original)
    if loaded.tokenizer is not None:
        loaded.tokenizer.save(folder)
