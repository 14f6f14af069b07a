import pytest

from deepsynth.core.documents import Document, Score
from deepsynth.data.tasks import Row
from deepsynth.evaluation.evaluator import PageUse, Reading
from deepsynth.evaluation.published import BenchmarkRun, figures_beside
from deepsynth.evaluation.report_words import RunReport
from deepsynth.evaluation.systems import MODEL, evaluate_summaries
from deepsynth.evaluation.uncertainty import Difference
from deepsynth.inference.summarizer import Summarizer
from deepsynth.rendering.config import RenderConfig

TEXTS = [
    f"The {thing} number {number} stands in the harbor. It tells of the tide."
    for number, thing in enumerate(["lamp", "rope", "sail", "buoy", "chart", "gauge"])
]


@pytest.fixture(scope="session")
def summarizer() -> Summarizer:
    return Summarizer.load("tiny", rendering=RenderConfig(mode="nano-128"))


@pytest.fixture(scope="session")
def examples(summarizer):
    from dataclasses import replace

    made = [summarizer.example(Document(id=f"d{number}", text=text)) for number, text in enumerate(TEXTS)]
    return [replace(example, summary=f"harbor report {number}") for number, example in enumerate(made)]


@pytest.fixture(scope="session")
def training():
    return [
        Row(id="t1", text="Sails and ropes for boats", summary="ropes"),
        Row(id="t2", text="The tide", summary="tides"),
    ]


def page_use(gap: float, width: float) -> PageUse:
    own, other = (Score(mean=mean, low=mean - width, high=mean + width, n=6) for mean in (1.0, 1.0 + gap))
    return PageUse(
        own=own, other=other, difference=Difference(mean=gap, low=gap - width, high=gap + width, p_value=0.5)
    )


@pytest.fixture
def run(examples, training):
    copied = [example.summary for example in examples]
    evaluation = evaluate_summaries(examples, copied, training, settings={"model": "tiny"}, data_fingerprint="f")
    reading = Reading(
        scores={name: Score(mean=44, low=40, high=48, n=2) for name in ("cer", "wer", "precision")},
        rows=[{"id": "d", "text": "tide", "transcript": "tida"}],
    )
    benchmark = BenchmarkRun(dataset="xsum", subset=None, split="test", rows=6, metrics=evaluation.report.scores[MODEL])
    return RunReport(
        title="A <run>",
        evaluation=evaluation,
        examples=examples,
        readings={"lines": reading},
        page_order=(Difference(mean=-3, low=-5, high=-1, p_value=0.01), 4),
        page_use=page_use(1.5, 0.2),
        curve=[(1, 5.0), (2, 3.0)],
        costs={
            "pages": 1.0, "visual_tokens": 21.0, "prompt_tokens": 30.0, "generated_tokens": 5.0, "text_tokens": 40.0,
            "compression": 1.9, "loops_percent": 0.0, "cut_percent": 50.0,
        },
        timing={"seconds_per_summary": 0.5},
        published=figures_beside(benchmark),
        facts={"Time": "1:00"},
        closing="The end.",
    )  # fmt: skip
