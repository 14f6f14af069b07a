"""chrF and BLEU by sacrebleu: a score for each pair, for intervals, and the corpus score with its signature, for quoting.

chrF compares characters, so it needs no tokenizer and suits every script. BLEU needs one: sacrebleu's `13a`, or its `char`
where most references are in a script that writes no blanks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from deepsynth.evaluation.tokenizer import SINGLE_CHARACTERS

BleuTokenizer = Literal["13a", "char"]

_BLANKLESS = re.compile(f"[{SINGLE_CHARACTERS}]")
_LETTER = re.compile(r"[^\W\d_]")


def bleu_tokenizer(references: Sequence[str]) -> BleuTokenizer:
    """Return the name of sacrebleu's tokenizer that suits most letters of the references."""
    text = "".join(references)
    return "char" if 2 * len(_BLANKLESS.findall(text)) > len(_LETTER.findall(text)) else "13a"


def chrf(predictions: Sequence[str], references: Sequence[str]) -> npt.NDArray[np.float64]:
    """Return the chrF of each pair, 0 to 100."""
    metric = CHRF()
    return np.array(
        [metric.sentence_score(*_pair(*texts)).score for texts in zip(predictions, references, strict=True)]
    )


def bleu(
    predictions: Sequence[str], references: Sequence[str], tokenizer: BleuTokenizer | None = None
) -> npt.NDArray[np.float64]:
    """Return the BLEU of each pair, 0 to 100, over as many n-grams as the pair has (`effective_order`)."""
    metric = BLEU(effective_order=True, tokenize=tokenizer or bleu_tokenizer(references))
    return np.array(
        [metric.sentence_score(*_pair(*texts)).score for texts in zip(predictions, references, strict=True)]
    )


def corpus_scores(predictions: Sequence[str], references: Sequence[str]) -> dict[str, dict[str, float | str]]:
    """Return the corpus BLEU and chrF, each with the signature that makes it comparable elsewhere."""
    found: dict[str, dict[str, float | str]] = {}
    for name, metric in (("BLEU", BLEU(tokenize=bleu_tokenizer(references))), ("chrF", CHRF())):
        score = metric.corpus_score(predictions, [references]).score
        found[name] = {"score": score, "signature": str(metric.get_signature())}
    return found


def _pair(prediction: str, reference: str) -> tuple[str, list[str]]:
    return prediction, [reference]
