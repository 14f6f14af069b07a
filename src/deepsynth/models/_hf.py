"""Names of transformers that both versions stand on; an upstream rename is a change of this file."""

from transformers import AttentionInterface

__all__ = ["AttentionInterface"]
