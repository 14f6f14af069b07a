"""Summaries from Python: load a checkpoint once, then hand it texts, files or pages.

python examples/summarize.py CHECKPOINT FILE...
"""

import sys

from deepsynth.inference.summarizer import Summarizer


def main(checkpoint: str, files: list[str]) -> None:
    """Print each file's summary with what it cost."""
    summarizer = Summarizer.load(checkpoint)
    for summary in summarizer.summarize(files):
        print(f"{summary.document_id}: {summary.text}")
        print(f"  {summary.prompt_tokens} tokens in, {summary.generated_tokens} out, stopped by {summary.stop_reason}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
