"""What Prometheus is told of inference."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from deepsynth.core.documents import Summary

SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)


class Metrics:
    """Counters of one service in a registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, labels: tuple[str, ...] = ()) -> Counter:
            return Counter(f"deepsynth_inference_{name}", text, labels, registry=registry)

        self.requests = counter("requests_total", "Requests by how they ended.", ("outcome",))
        self.tokens = counter("tokens_total", "Tokens by kind: text, visual, generated.", ("kind",))
        self.stops = counter("stops_total", "Summaries by the reason for which writing stopped.", ("reason",))
        self.first = Histogram(
            "deepsynth_inference_first_token_seconds",
            "From the whole body to the first piece of text.",
            buckets=SECONDS,
            registry=registry,
        )
        self.whole = Histogram(
            "deepsynth_inference_seconds", "From the whole body to the summary.", buckets=SECONDS, registry=registry
        )
        self.running = Gauge("deepsynth_inference_running", "Prompts being written.", registry=registry)
        self.waiting = Gauge(
            "deepsynth_inference_waiting", "Requests that are not being written yet.", registry=registry
        )
        self.loaded = Gauge("deepsynth_inference_model_loaded", "1 while the model is loaded.", registry=registry)
        self.starts = Gauge(
            "deepsynth_inference_model_starts", "Times the model's process was started.", registry=registry
        )

    def count(self, summary: Summary) -> None:
        """Count what a summary took."""
        self.tokens.labels("text").inc(summary.prompt_tokens - summary.visual_tokens)
        self.tokens.labels("visual").inc(summary.visual_tokens)
        self.tokens.labels("generated").inc(summary.generated_tokens)
        self.stops.labels(summary.stop_reason).inc()
