"""What an official checkpoint holds beside the weights that the model reads, kept so that it can be written back unchanged.

Servers and the official code want the config.json that was published, not ours, and version 1's file holds a weight
that nothing reads. A fine-tuned model carries all of it along: in memory as an `Origin`, in a checkpoint as a folder of
that name. The `.py` files that may lie there are copied as bytes, for whoever trusts them; nothing here imports them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from deepsynth.core.files import write_bytes, write_json
from deepsynth.models.folders import CONFIG, read_json, weight_files

ORIGIN = "origin"
"""The folder inside a checkpoint."""
_UNREAD, _DTYPES = "unread.safetensors", "dtypes.json"
_DTYPE_NAMES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """The rest of an official checkpoint."""

    config: bytes
    """config.json, byte for byte."""
    dtype: str
    """Name of the dtype that most weights have there, such as `bfloat16`."""
    other_dtypes: Mapping[str, str] = field(default_factory=dict[str, str])
    """The weights of another dtype, by official key."""
    unread: Mapping[str, Tensor] = field(default_factory=dict[str, Tensor])
    """Weights that the model does not read, by official key."""
    code: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    """The `.py` files that lay there, by name; never run."""

    @classmethod
    def read(cls, folder: Path, unread: Sequence[str]) -> Self:
        """Take up an official folder; `unread` names the keys to carry along where they are there.

        Raises:
            ModelError: the weights cannot be read.
        """
        dtypes: dict[str, str] = {}
        carried: dict[str, Tensor] = {}
        for path in weight_files(folder):
            with safe_open(path, framework="pt") as file:
                for key in file.keys():  # noqa: SIM118
                    kind = str(file.get_slice(key).get_dtype())
                    dtypes[key] = _DTYPE_NAMES.get(kind, kind)
                    if key in unread:
                        carried[key] = file.get_tensor(key)
        common = Counter(dtypes.values()).most_common(1)[0][0]
        return cls(
            config=(folder / CONFIG).read_bytes(),
            dtype=common,
            other_dtypes={key: name for key, name in dtypes.items() if name != common},
            unread=carried,
            code={path.name: path.read_bytes() for path in sorted(folder.glob("*.py"))},
        )

    @classmethod
    def find(cls, checkpoint: Path) -> Self | None:
        """Return what `save` wrote into a checkpoint, or none.

        Raises:
            ModelError: it is damaged.
        """
        folder = checkpoint / ORIGIN
        if not folder.is_dir():
            return None
        dtypes = read_json(folder / _DTYPES)
        return cls(
            config=(folder / CONFIG).read_bytes(),
            dtype=dtypes["dtype"],
            other_dtypes=dtypes["other_dtypes"],
            unread=load_file(folder / _UNREAD) if (folder / _UNREAD).is_file() else {},
            code={path.name: path.read_bytes() for path in sorted(folder.glob("*.py"))},
        )

    def save(self, checkpoint: Path) -> None:
        """Write everything into the folder `ORIGIN` of a checkpoint."""
        folder = checkpoint / ORIGIN
        write_bytes(folder / CONFIG, self.config)
        write_json(folder / _DTYPES, {"dtype": self.dtype, "other_dtypes": dict(self.other_dtypes)})
        if self.unread:
            save_file(dict(self.unread), folder / _UNREAD, metadata={"format": "pt"})
        for name, content in self.code.items():
            write_bytes(folder / name, content)

    def dtype_of(self, key: str) -> str:
        """Return the name of the dtype that an official key had."""
        return self.other_dtypes.get(key, self.dtype)
