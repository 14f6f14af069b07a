"""The cache of visual tokens: what a frozen encoder makes of a page, kept on disk and read by any number of runs.

A folder for each encoder (by the hash of its weights), kind of features and number format:

    encoder.safetensors        the encoder's weights, so that checkpoints of runs that never loaded it are whole
    pages-*.safetensors        shards: for each document, each page's features; the header says grid and checksum of each
    about.json                 what the folder is

Entries are found by what decides their pixels (see `deepsynth.training.examples.page_key`) and the mode. A shard is written
once, under a temporary name, and never changed, so several runs may fill one folder at the same time without a lock: the
worst that happens is that a page is encoded twice. A killed run loses the shard that it was filling.
"""

from __future__ import annotations

import functools
import json
import os
import time
import uuid
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from deepsynth.core.documents import EncodedPage
from deepsynth.core.errors import CheckpointError, InputError
from deepsynth.core.files import storage_errors, sync_folder, write_json
from deepsynth.models import system_errors

FORMAT = 1
ENCODER, ABOUT = "encoder.safetensors", "about.json"
SHARD_BYTES = 2**28
"""A shard is written when its pages hold about so much."""
SHARD_SECONDS = 300.0
"""Or when its first page has waited so long: where encoding is slow, a kill then loses minutes and not hours."""
OPEN_SHARDS = 256

Precision = Literal["float32", "bfloat16", "int8"]


@dataclass(frozen=True, kw_only=True, slots=True)
class PageFacts:
    """What the header says of a page."""

    grid: tuple[int, int]
    tokens: int
    view_tokens: int | None
    checksum: int
    """CRC-32 of the stored bytes."""
    pixels: str
    """Hash of the views that were encoded; tells a page that is drawn otherwise today."""


class VisualCache:
    """One folder of the cache. Reading is safe in any number of processes; a copy for a worker opens its own files."""

    def __init__(self, folder: Path, precision: Precision) -> None:
        """Read the headers of the shards that are there."""
        self.folder = folder
        self.precision: Precision = precision
        self._entries: dict[str, tuple[Path, tuple[PageFacts, ...]]] = {}
        self._waiting: dict[str, list[tuple[EncodedPage, str]]] = {}
        self._waiting_bytes, self._waiting_since = 0, 0.0
        self.refresh()

    @property
    def encoder_file(self) -> Path:
        """Where the encoder's weights are kept."""
        return self.folder / ENCODER

    def describe(self, facts: Mapping[str, Any]) -> None:
        """Say in the folder what it is, if nobody has."""
        if not (self.folder / ABOUT).is_file():
            write_json(self.folder / ABOUT, {"format": FORMAT, "precision": self.precision, **facts})

    def refresh(self) -> None:
        """Take in shards that were written since.

        Raises:
            CheckpointError: one is damaged; names it.
        """
        known = {path for path, _ in self._entries.values()}
        for path in sorted(self.folder.glob("pages-*.safetensors")):
            if path not in known:
                for key, pages in _read_header(path).items():
                    self._entries.setdefault(key, (path, pages))

    def __contains__(self, key: str) -> bool:
        return key in self._entries or key in self._waiting

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, key: str, pages: Sequence[EncodedPage], pixels: Sequence[str]) -> None:
        """Take in a document's pages; they are on disk when the shard is full or old, and after `flush`."""
        if not self._waiting:
            self._waiting_since = time.monotonic()
        self._waiting[key] = list(zip(pages, pixels, strict=True))
        self._waiting_bytes += sum(page.features.numel() * page.features.element_size() for page in pages)
        if self._waiting_bytes >= SHARD_BYTES or time.monotonic() - self._waiting_since >= SHARD_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what waits as a shard, whole or not at all.

        Raises:
            StorageError: the disk refused; the shards before are whole.
        """
        if not self._waiting:
            return
        tensors: dict[str, Tensor] = {}
        header: dict[str, list[dict[str, Any]]] = {}
        for key, pages in self._waiting.items():
            header[key] = [
                self._store(tensors, f"{key}.{number}", page, pixels) for number, (page, pixels) in enumerate(pages)
            ]
        path = self.folder / f"pages-{uuid.uuid4().hex}.safetensors"
        _write_whole(path, tensors, {"entries": json.dumps(header), "format": str(FORMAT)})
        self._waiting, self._waiting_bytes = {}, 0
        self.refresh()

    def read(self, key: str) -> tuple[EncodedPage, ...]:
        """Return a document's pages.

        Raises:
            InputError: they are not there.
            CheckpointError: their bytes are damaged; names the shard.
        """
        if key not in self._entries:
            raise InputError(f"the cache {self.folder} does not hold these pages; fill it first")
        path, pages = self._entries[key]
        return tuple(self._page(path, f"{key}.{number}", facts) for number, facts in enumerate(pages))

    def pixels(self, key: str) -> tuple[str, ...]:
        """Return the hashes of the views that a document's pages were encoded from."""
        return tuple(facts.pixels for facts in self._entries[key][1])

    def tokens(self, key: str) -> int:
        """Return the placeholders that a document's pages take."""
        return sum(facts.tokens for facts in self._entries[key][1])

    def _store(self, tensors: dict[str, Tensor], name: str, page: EncodedPage, pixels: str) -> dict[str, Any]:
        stored = list(_compress(page.features.detach().cpu(), self.precision))
        tensors |= {f"{name}{suffix}": tensor for suffix, tensor in zip(("", ".scale"), stored, strict=False)}
        facts = PageFacts(
            grid=page.grid,
            tokens=page.tokens,
            view_tokens=page.view_tokens,
            checksum=_checksum(stored),
            pixels=pixels,
        )
        return asdict(facts)

    def _page(self, path: Path, name: str, facts: PageFacts) -> EncodedPage:
        file = _open(path)
        suffixes = ("", ".scale") if self.precision == "int8" else ("",)
        stored = [file.get_tensor(f"{name}{suffix}") for suffix in suffixes]
        if _checksum(stored) != facts.checksum:
            raise CheckpointError(f"{path} is damaged; remove it, and its pages are encoded again")
        features = stored[0] if len(stored) == 1 else expand(stored[0], stored[1])
        return EncodedPage(grid=facts.grid, tokens=facts.tokens, features=features, view_tokens=facts.view_tokens)


def _compress(features: Tensor, precision: Precision) -> Iterator[Tensor]:
    """Yield what is stored: the features, or bytes and a scale for each row, whose largest number becomes 127."""
    if precision != "int8":
        yield features.to(getattr(torch, precision)).contiguous()
        return
    scale = (features.float().abs().amax(dim=-1) / 127).clamp_min(1e-12)
    yield (features.float() / scale[:, None]).round().clamp(-127, 127).to(torch.int8).contiguous()
    yield scale


def expand(stored: Tensor, scale: Tensor) -> Tensor:
    """Return rows of bytes as numbers. *Shapes:* stored (rows, width), scale (rows,); the result is bfloat16."""
    return (stored.float() * scale[:, None]).to(torch.bfloat16)


def _checksum(tensors: Sequence[Tensor]) -> int:
    return functools.reduce(
        lambda found, tensor: zlib.crc32(tensor.flatten().view(torch.uint8).numpy().data, found), tensors, 0
    )


def _write_whole(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    temporary = path.with_name(f".{path.name}")
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with system_errors():
                save_file(tensors, temporary, metadata=metadata)
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(path.parent)


def _read_header(path: Path) -> dict[str, tuple[PageFacts, ...]]:
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
    except SafetensorError as error:
        raise CheckpointError(f"{path} is damaged ({error}); remove it, and its pages are encoded again") from error
    if metadata.get("format") != str(FORMAT):
        raise CheckpointError(f"{path} is of format {metadata.get('format')}, not {FORMAT}; name another cache folder")
    entries: dict[str, list[dict[str, Any]]] = json.loads(metadata["entries"])
    return {
        key: tuple(PageFacts(**{**page, "grid": tuple(page["grid"])}) for page in pages)
        for key, pages in entries.items()
    }


@functools.lru_cache(OPEN_SHARDS)
def _open(path: Path) -> Any:
    return safe_open(path, framework="pt")
