import random

import pytest
from rouge_score.rouge_scorer import RougeScorer

from deepsynth.evaluation import rouge
from deepsynth.evaluation.metrics import ROUGE
from deepsynth.evaluation.metrics import rouge as score
from deepsynth.evaluation.tokenizer import UnicodeTokenizer, sentences


def made_up(generator: random.Random) -> str:
    """Few different words, so that subsequences have many ties."""
    words = ["tide", "running", "flies", "houses", "l'été", "42", "a", "the", "of"]
    lines = [
        " ".join(generator.choices(words, k=generator.randint(1, 14))).capitalize()
        for _ in range(generator.randint(1, 4))
    ]
    return ". ".join(lines) + "."


@pytest.mark.parametrize("stemmed", [False, True])
def test_every_variant_equals_rouge_score_on_random_texts(stemmed):
    generator = random.Random(5)
    predictions, references = ([made_up(generator) for _ in range(150)] for _ in range(2))
    options = {"use_stemmer": True} if stemmed else {"tokenizer": UnicodeTokenizer()}
    library = RougeScorer(list(ROUGE), **options)
    ours = score(predictions, references, stemmed=stemmed)
    for number, (found, wanted) in enumerate(zip(predictions, references, strict=True)):
        theirs = library.score("\n".join(sentences(wanted)), "\n".join(sentences(found)))
        assert {name: 100 * theirs[name].fmeasure for name in ROUGE} == pytest.approx(
            {name: ours[name][number] for name in ROUGE}
        )


@pytest.mark.parametrize(
    ("prediction", "reference", "expected"),
    [
        # Lin 2004, section 3.2: LCS of the reference with the two candidates is w1 w2 and w1 w3 w5, their union 4 of 5 words
        (["w1 w2 w6 w7 w8", "w1 w3 w8 w9 w5"], ["w1 w2 w3 w4 w5"], 100 * 2 * 4 / (5 + 10)),
        (["a b"], ["a b", "c"], 100 * 2 * 2 / (3 + 2)),
        ([], ["a"], 0),
    ],
)
def test_lsum_equals_hand_computed_unions(prediction, reference, expected):
    cut = [[line.split() for line in lines] for lines in (prediction, reference)]
    assert rouge.rouge_lsum(*cut) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("prediction", "reference", "size", "expected"),
    [
        ("a b c", "a b d", 1, 100 * 2 / 3),
        ("a b c", "a b d", 2, 50),
        ("a a a", "a", 1, 50),
        ("", "a", 1, 0),
        ("a", "a", 2, 0),
    ],
)
def test_shared_ngrams_equal_hand_computed_ones(prediction, reference, size, expected):
    assert rouge.rouge_n(prediction.split(), reference.split(), size) == pytest.approx(expected)


def test_the_longest_subsequence_may_have_gaps():
    assert rouge.rouge_l("a x b y c".split(), "a b c".split()) == pytest.approx(100 * 2 * 3 / 8)  # noqa: SIM905


def test_long_sentences_do_not_overflow():
    words = [str(number) for number in range(700)]
    assert rouge.rouge_lsum([words], [words]) == 100
    assert rouge.rouge_lsum([words[::-1]], [words]) == pytest.approx(100 / 700)
