"""Seconds of CPU that each metric takes for 10,000 pairs, and ROUGE beside rouge-score on the same texts.

    python benchmarks/evaluate.py [--pairs 10000] [--document-words 400]

Texts are made up: summaries of three sentences of 17 words, as long as those of CNN/DailyMail.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from rouge_score.rouge_scorer import RougeScorer

from deepsynth.evaluation import grounding, metrics, overlap
from deepsynth.evaluation.precision import set_precision
from deepsynth.evaluation.tokenizer import UnicodeTokenizer, sentences
from deepsynth.evaluation.uncertainty import bootstrap_all, paired_difference

LIBRARY_PAIRS = 500


def make_text(generator: random.Random, count: int) -> str:
    """Return so many sentences of 17 words, common ones often; a few numbers and names among them."""
    words = [f"w{min(generator.randrange(1, 3000), generator.randrange(1, 3000))}" for _ in range(17 * count)]
    for place in range(5, len(words), 23):
        words[place] = generator.choice(["Harbor", "Lee", str(generator.randrange(2000))])
    return " ".join(" ".join(words[start : start + 17]).capitalize() + "." for start in range(0, len(words), 17))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=10_000)
    parser.add_argument("--document-words", type=int, default=400)
    arguments = parser.parse_args()
    generator = random.Random(0)
    found, wanted = ([make_text(generator, 3) for _ in range(arguments.pairs)] for _ in range(2))
    documents = [make_text(generator, arguments.document_words // 17) for _ in range(arguments.pairs)]
    cut = UnicodeTokenizer().tokenize
    words = [cut(text) for text in found]
    indexes = [grounding.DocumentIndex(text, cut(text)) for text in documents]

    def index(text: str) -> bool:
        return grounding.DocumentIndex(text, cut(text)).holds("w1")  # and let it go: an evaluation keeps 512 at a time

    pairs = list(zip(words, indexes, strict=True))
    values = np.random.default_rng(0).normal(30, 10, (150, arguments.pairs))
    library = RougeScorer(list(metrics.ROUGE), tokenizer=UnicodeTokenizer())
    jobs: dict[str, Callable[[], Any]] = {
        "ROUGE-1/2/L/Lsum": lambda: metrics.rouge(found, wanted),
        "ROUGE-1/2/L/Lsum, stemmed": lambda: metrics.rouge(found, wanted, stemmed=True),
        "chrF (sacrebleu)": lambda: overlap.chrf(found, wanted),
        "BLEU (sacrebleu)": lambda: overlap.bleu(found, wanted),
        "index of documents, once for all systems": lambda: [index(text) for text in documents],
        "new 1/2/3-grams": lambda: [grounding.novelty(w, d, n) for w, d in pairs for n in (1, 2, 3)],
        "copied spans": lambda: [grounding.copied_spans(w, d) for w, d in pairs],
        "repetition": lambda: [grounding.repetition(w) for w in words],
        "foreign numbers and names": lambda: [grounding.unsupported(t, d) for t, d in zip(found, indexes, strict=True)],
        "CER": lambda: metrics.character_error_rate(found, wanted),
        "WER": lambda: metrics.word_error_rate(found, wanted),
        "precision (Fox)": lambda: set_precision(found, wanted),
        "intervals of 150 columns": lambda: bootstrap_all({str(n): column for n, column in enumerate(values)}),
        "one paired test": lambda: paired_difference(values[0], values[1]),
    }
    for name, job in jobs.items():
        print(f"{name:42} {seconds(job):7.2f} s for {arguments.pairs:,} pairs")
    few = min(LIBRARY_PAIRS, arguments.pairs)
    lines = [("\n".join(sentences(b)), "\n".join(sentences(a))) for a, b in zip(found[:few], wanted[:few], strict=True)]
    theirs = seconds(lambda: [library.score(*pair) for pair in lines])
    ours = seconds(lambda: metrics.rouge(found[:few], wanted[:few]))
    print(f"ROUGE beside rouge-score on the same {few} pairs: {theirs / ours:.1f} times as fast")


def seconds(job: Callable[[], Any]) -> float:
    """Return the CPU time of one call."""
    began = time.process_time()
    job()
    return time.process_time() - began


if __name__ == "__main__":
    main()
