"""Writing a model as a folder that `load_model` reads: weights in the official layout, settings, tokenizer."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError
from transformers.utils import logging as transformers_logging

from deepsynth.models.family import LoadedModel


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


def save_model(loaded: LoadedModel, folder: Path, *, original: bool = True) -> None:
    """Write weights, config.json and the tokenizer into `folder`; keys as the official code names them when `original`."""
    transformers_logging.disable_progress_bar()
    loaded.model.save_pretrained(folder, save_original_format=original)
    if loaded.tokenizer is not None:
        loaded.tokenizer.save(folder)
