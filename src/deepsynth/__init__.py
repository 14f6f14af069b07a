"""DeepSynth summarizes documents through pictures.

Text, Markdown, PDF or images become page images; DeepSeek-OCR's frozen vision encoder compresses each page to a few
hundred visual tokens; the decoder is fine-tuned to write the summary. See ARCHITECTURE.md for the way through the code.
"""

__version__ = "0.1.0"
