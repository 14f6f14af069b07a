"""How near a summary is to its reference in meaning, by a sentence-transformers model that the user names; an extra.

The model is a folder here: nothing is fetched, nothing unpickled, none of its own code runs. Which model it was stands in the
report, since cosines of different models say nothing about one another.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from deepsynth.core.errors import InputError, MissingExtraError, ModelError
from deepsynth.core.files import hash_file

_OWN_MODULES = "sentence_transformers."


class Encoder(Protocol):
    """What of a sentence-transformers model is used."""

    def encode(self, sentences: list[str], *, normalize_embeddings: bool, show_progress_bar: bool) -> Any:
        """Return one vector a sentence, of length 1 when normalized."""
        ...


def load_encoder(folder: Path) -> Encoder:
    """Load a sentence-transformers model folder.

    Raises:
        MissingExtraError: the library is not installed.
        ModelError: the folder is no such model, holds no safetensors, or asks for code of its own.
    """
    check_folder(folder)
    try:
        from sentence_transformers import SentenceTransformer  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise MissingExtraError("sentence-transformers", "similarity") from error
    return SentenceTransformer(str(folder), local_files_only=True, trust_remote_code=False, device="cpu")


def check_folder(folder: Path) -> None:
    """Refuse a folder that is no model, or one that could not be loaded without running what it brings along.

    Raises:
        ModelError: says what is missing or not allowed.
    """
    modules = folder / "modules.json"
    if not modules.is_file():
        raise ModelError(f"{folder} holds no modules.json: it is not a sentence-transformers model folder")
    try:
        types = [str(item["type"]) for item in json.loads(modules.read_text(encoding="utf-8"))]
    except (ValueError, TypeError, KeyError) as error:
        raise ModelError(f"{modules} does not list modules: {error!r}") from error
    foreign = [name for name in types if not name.startswith(_OWN_MODULES)]
    if foreign:
        raise ModelError(f"{modules} asks for {foreign[0]}, code outside sentence-transformers; it is not run")
    if not list(folder.rglob("*.safetensors")):
        raise ModelError(f"{folder} holds no safetensors weights; other formats are unpickled, which can run code")


def encoder_name(folder: Path) -> str:
    """Return the folder's name with a hash of its weights."""
    digest = "".join(hash_file(path) for path in sorted(folder.rglob("*.safetensors")))
    return f"{folder.resolve().name}:{hashlib.sha256(digest.encode()).hexdigest()[:12]}"


def similarity(predictions: Sequence[str], references: Sequence[str], encoder: Encoder) -> npt.NDArray[np.float64]:
    """Return the cosine of each pair's vectors times 100; an empty prediction is 0.

    Raises:
        InputError: the two differ in length.
    """
    if len(predictions) != len(references):
        raise InputError(f"{len(predictions)} predictions for {len(references)} references: they must pair one to one")
    texts = sorted({*predictions, *references})
    vectors = np.asarray(encoder.encode(texts, normalize_embeddings=True, show_progress_bar=False), dtype=np.float64)
    place = {text: number for number, text in enumerate(texts)}
    found = vectors[[place[text] for text in predictions]]
    wanted = vectors[[place[text] for text in references]]
    cosines = 100 * (found * wanted).sum(axis=1)
    return np.where([bool(text.strip()) for text in predictions], cosines, 0.0)
