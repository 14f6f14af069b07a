"""The model card of an export: what it is, what it was trained on and how, what it scored, under which license.

Everything in it was found in a file beside the checkpoint; what was not found is said to be unknown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from deepsynth import __version__
from deepsynth.core.built_in import BUILT_IN
from deepsynth.core.errors import InputError

_LICENSE = re.compile(r"^license:\s*([\w.-]+)\s*$", re.MULTILINE)
_SHOWN = ("model", "rendering", "data", "optimizer", "lora", "freeze", "num_epochs", "max_steps", "batch_size", "seed")
METRICS = ("rouge1", "rouge2", "rougeL")


@dataclass(kw_only=True, slots=True)
class CardFacts:
    """What is known of a checkpoint."""

    name: str
    settings: Mapping[str, Any] | None = None
    """trainer.json."""
    state: Mapping[str, Any] | None = None
    """state.json: where training stood."""
    data_fingerprint: str | None = None
    report: Mapping[str, Any] | None = None
    license: str | None = None
    family: str = ""
    base: str | None = None

    def note_model(self, family: str, *, base: str | None) -> None:
        """Add what only the loaded model tells."""
        self.family = family
        self.base = base if self.settings is None else str(self.settings["model"])


def find_facts(checkpoint: Path, *, report: Path | None = None, license: str | None = None) -> CardFacts:
    """Collect what lies beside a checkpoint.

    Raises:
        InputError: a report was named and is not there, or a file beside the checkpoint cannot be read.
    """
    settings = _read(checkpoint / "trainer.json")
    return CardFacts(
        name=checkpoint.resolve().name if checkpoint.is_dir() else str(checkpoint),
        settings=settings,
        state=_read(checkpoint / "state.json"),
        data_fingerprint=_fingerprint(settings),
        report=_report(checkpoint, report),
        license=license or _license_of(settings, checkpoint),
    )


def model_card(facts: CardFacts, *, layout: str, comparison: str, serving: Mapping[str, Any] | None = None) -> str:
    """Return README.md in the Hub's form."""
    front = {
        "library_name": "peft" if layout == "adapters" else "transformers",
        "pipeline_tag": "image-text-to-text",
        "base_model": facts.base if _is_hub_id(facts.base) else None,
        "license": facts.license,
    }
    head = "\n".join(f"{key}: {value}" for key, value in front.items() if value)
    parts = [
        f"---\n{head}\ntags:\n- deepsynth\n- summarization\n---\n",
        f"# {facts.name}\n",
        f"A {facts.family} model that summarizes page images, exported by DeepSynth {__version__} in the {layout} layout.\n"
        f"Loaded again and compared when it was written: {comparison}.\n",
        _training(facts),
        _scores(facts.report),
        _serving(serving),
        f"## License\n\n{facts.license or 'Not stated; the terms of the base model and of the data apply.'}\n",
    ]
    return "\n".join(part for part in parts if part)


def _is_hub_id(name: str | None) -> bool:
    return name is not None and len(Path(name).parts) == 2 and not Path(name).exists()


def _training(facts: CardFacts) -> str:
    if facts.settings is None:
        return "## Training\n\nNot known: there is no trainer.json beside the checkpoint.\n"
    shown = {name: facts.settings[name] for name in _SHOWN if facts.settings.get(name) is not None}
    steps = "" if facts.state is None else f"{facts.state['step']} steps on {facts.state['examples']:,} examples. "
    data = facts.data_fingerprint or "unknown (the dataset is no longer where it was)"
    return (
        f"## Training\n\n{steps}Data fingerprint: `{data}`. The settings that matter; `trainer.json` of the run holds all:\n\n"
        f"```json\n{json.dumps(shown, indent=2, ensure_ascii=False)}\n```\n"
    )


def _scores(report: Mapping[str, Any] | None) -> str:
    if report is None:
        return "## Scores\n\nNone: no evaluation was found. `deepsynth evaluate` writes one.\n"
    rows = [
        "| {} | {} |".format(system, " | ".join(_score(metrics.get(name)) for name in METRICS))
        for system, metrics in report["scores"].items()
    ]
    head = f"| | {' | '.join(METRICS)} |\n|---|{'---|' * len(METRICS)}\n"
    return (
        f"## Scores\n\n{report['title']}, data fingerprint `{report['data_fingerprint']}`; mean with its interval.\n\n"
        + head
        + "\n".join(rows)
        + "\n"
    )


def _score(score: Mapping[str, Any] | None) -> str:
    return "" if score is None else f"{score['mean']:.2f} ({score['low']:.2f} to {score['high']:.2f})"


def _serving(serving: Mapping[str, Any] | None) -> str:
    if serving is None:
        return ""
    command = " ".join(serving["command"]).replace("{folder}", ".")
    pages = f"\n\nPages as vLLM cuts them: {serving['pages']}." if "pages" in serving else ""
    return f"## Serving with vLLM\n\n```\n{command}\n```\n\nPut the page before the instruction in a message.{pages}\n"


def _read(path: Path) -> dict[str, Any] | None:
    """Return the JSON object that a file holds; none where there is no such file."""
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path} is no JSON ({error}); the model card is made from it") from error
    if not isinstance(found, dict):
        raise InputError(f"{path} holds no JSON object; the model card is made from it")
    return cast("dict[str, Any]", found)


def _report(checkpoint: Path, named: Path | None) -> dict[str, Any] | None:
    places = [checkpoint / "report.json", checkpoint.parent / "report.json"] if named is None else [named]
    for place in places:
        found = _read(place / "report.json" if place.is_dir() else place)
        if found is not None:
            _check_report(place, found)
            return found
    if named is not None:
        raise InputError(f"no evaluation report at {named}; name report.json or its folder", field="report")
    return None


def _check_report(path: Path, report: Mapping[str, Any]) -> None:
    lacking = [name for name in ("title", "data_fingerprint", "scores") if name not in report]
    if lacking:
        raise InputError(f"{path} is no evaluation's report: it has no {lacking[0]}", field="report")


def _fingerprint(settings: Mapping[str, Any] | None) -> str | None:
    path = None if settings is None else settings["data"].get("path")
    found = None if path is None else _read(Path(path) / "dataset.json")
    return None if found is None else str(found["fingerprint"])


def _license_of(settings: Mapping[str, Any] | None, checkpoint: Path) -> str | None:
    """Return the license that the base model's own card states; DeepSynth's own sizes are under its license."""
    base = str(checkpoint if settings is None else settings["model"])
    if base in BUILT_IN:
        return "mit"
    card = Path(base) / "README.md"
    found = _LICENSE.search(card.read_text(encoding="utf-8")) if card.is_file() else None
    return found[1] if found else None
