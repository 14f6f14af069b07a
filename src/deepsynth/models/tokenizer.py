"""Text to ids and back through tokenizer.json alone.

The `tokenizers` library reads the file as it is. The wrappers of transformers do not: from the same file one of them
rebuilds another tokenizer that loses spaces, and another drops the beginning-of-sequence id. So special ids are
looked up here by name, added by the processor, and never produced from text: a document may well hold the characters
`<image>`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any, Self

from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer

from deepsynth.core.built_in import ASKING
from deepsynth.core.errors import ModelError
from deepsynth.core.files import write_bytes

TOKENIZER = "tokenizer.json"
BOS, EOS, PAD, IMAGE = "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜▁pad▁｜>", "<image>"
SPECIAL_TOKENS = [BOS, EOS, PAD, IMAGE]
"""In this order they get ids 0, 1, 2, as in the official tokenizer, and 3."""
COMPANIONS = ("tokenizer_config.json", "special_tokens_map.json", "processor_config.json", ASKING)
"""Files beside tokenizer.json that are carried along: what other programs want, and how the model wants to be asked."""


class JsonTokenizer:
    """A `TokenCodec` over a tokenizer.json."""

    def __init__(
        self, content: bytes, *, image_token_id: int | None = None, companions: dict[str, bytes] | None = None
    ):
        """`content` is the file; `image_token_id` that of the model's config, which must agree.

        Raises:
            ModelError: a special token is missing, or `<image>` has another id than the model expects.
        """
        self._content, self._companions = content, companions or {}
        self._tokenizer = Tokenizer.from_str(content.decode("utf-8"))
        self._tokenizer.encode_special_tokens = True  # "<image>" in a document is seven characters
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self.bos_token_id, self.eos_token_id = self._id(BOS), self._id(EOS)
        self.pad_token_id, self.image_token_id = self._id(PAD), self._id(IMAGE)
        self.vocab_size: int = self._tokenizer.get_vocab_size(with_added_tokens=True)
        if image_token_id not in (None, self.image_token_id):
            raise ModelError(
                f"{TOKENIZER} gives {IMAGE} the id {self.image_token_id}, the model's config {image_token_id}"
            )

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel to loader workers as the file's bytes; the library's own pickle forgets `encode_special_tokens`."""
        return partial(JsonTokenizer, companions=self._companions), (self._content,)

    @classmethod
    def find(cls, folder: Path, *, image_token_id: int | None = None) -> Self | None:
        """Return the tokenizer of a model folder, or none when it has no tokenizer.json."""
        if not (folder / TOKENIZER).is_file():
            return None
        found = {name: (folder / name).read_bytes() for name in COMPANIONS if (folder / name).is_file()}
        return cls((folder / TOKENIZER).read_bytes(), image_token_id=image_token_id, companions=found)

    @classmethod
    def bundled(cls) -> Self:
        """Return the tokenizer of the nano and tiny sizes."""
        return cls(files("deepsynth.models.deepseek_ocr").joinpath("nano", TOKENIZER).read_bytes())

    def companion(self, name: str) -> bytes | None:
        """Return a file that lay beside tokenizer.json; none if it did not."""
        return self._companions.get(name)

    def with_companion(self, name: str, content: bytes) -> JsonTokenizer:
        """Return the same tokenizer with `content` as its file `name`, one of `COMPANIONS`."""
        return JsonTokenizer(self._content, companions={**self._companions, name: content})

    def encode(self, text: str) -> list[int]:
        """Return the ids of plain text; nothing in it is read as a special token."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        if self.image_token_id not in ids:
            return ids
        head, tail = IMAGE[0], IMAGE[1:]  # a tokenizer that does not mark <image> as special: encode it in two halves
        pieces = text.split(IMAGE)
        ids = self.encode(pieces[0])
        for piece in pieces[1:]:
            ids += [*self.encode(head), *self.encode(tail + piece)]
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ids, special tokens left out."""
        return self._tokenizer.decode([int(item) for item in ids], skip_special_tokens=True)

    def token_id(self, text: str) -> int | None:
        """Return the id of a text that is one token as it stands in the vocabulary, or none."""
        return self._tokenizer.token_to_id(text)

    def save(self, folder: Path) -> None:
        """Write tokenizer.json and its companions into `folder`, byte for byte as they were read."""
        for name, content in {TOKENIZER: self._content, **self._companions}.items():
            write_bytes(folder / name, content)

    def _id(self, token: str) -> int:
        found = self._tokenizer.token_to_id(token)
        if found is None:
            raise ModelError(f"{TOKENIZER} has no token {token!r}; it is not DeepSeek-OCR's tokenizer")
        return found


def train_tokenizer(texts: Iterable[str], vocab_size: int) -> JsonTokenizer:
    """Return a byte-level tokenizer learned from `texts`; any text at all round-trips through it."""
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    tokenizer.decoder = ByteLevelDecoder()
    trainer = BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=SPECIAL_TOKENS,
        initial_alphabet=ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return JsonTokenizer(tokenizer.to_str().encode("utf-8"))
