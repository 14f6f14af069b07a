"""DeepSynth summarizes documents through pictures.

Text, Markdown, PDF or images become page images; DeepSeek-OCR's frozen vision encoder compresses each page to a few
hundred visual tokens; the decoder is fine-tuned to write the summary. See ARCHITECTURE.md for the way through the code.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepsynth.core.documents import Document, Summary
    from deepsynth.inference.summarizer import Summarizer
    from deepsynth.inference.writing import Writing

__version__ = "0.1.0"
__all__ = ["Document", "Summarizer", "Summary", "Writing", "__version__"]

_HOMES = {
    "Document": "deepsynth.core.documents",
    "Summary": "deepsynth.core.documents",
    "Summarizer": "deepsynth.inference.summarizer",
    "Writing": "deepsynth.inference.writing",
}


def __getattr__(name: str) -> Any:
    """Import what `from deepsynth import ...` names when it is first asked for: most of DeepSynth needs no torch."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)
