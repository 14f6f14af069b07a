from prometheus_client import CollectorRegistry, generate_latest

from deepsynth.core.documents import Summary
from deepsynth.web.inference.metrics import Metrics


def test_a_summary_counts_its_tokens_by_kind_and_its_reason():
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    summary = Summary(
        document_id="a",
        text="b",
        prompt_tokens=31,
        visual_tokens=21,
        generated_tokens=8,
        seconds=0.1,
        stop_reason="eos",
    )
    metrics.count(summary)
    metrics.count(summary)
    text = generate_latest(registry).decode()
    for line in ('{kind="text"} 20.0', '{kind="visual"} 42.0', '{kind="generated"} 16.0', '{reason="eos"} 2.0'):
        assert line in text
