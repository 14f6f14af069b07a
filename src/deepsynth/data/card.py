"""The card of a prepared dataset: what it holds, where it comes from, how it was cleaned; in the Hub's form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def dataset_card(settings: Mapping[str, Any], report: Mapping[str, Any], license: str) -> str:
    """Return README.md for a dataset folder."""
    rendering = settings["rendering"]
    splits = "\n".join(f"| {name} | {count:,} |" for name, count in report["splits"].items())
    rejected = "\n".join(f"| {reason} | {count:,} |" for reason, count in report["rejected"].items()) or "| none | 0 |"
    flagged = "".join(f"\nKept but flagged: {count:,} rows with {name}.\n" for name, count in report["flagged"].items())
    return f"""---
task_categories:
- summarization
- image-to-text
---

# Page images with summaries from `{settings["source"]}`

Made by DeepSynth. Pages are gray, mode `{rendering["mode"]}`, letters of {rendering["px"]} px,
face `{rendering["font"]}`, and
 {"stored as PNG" if settings["pages"] == "stored" else "drawn when they are read"}. Fingerprint `{settings["fingerprint"]}`.

| Split | Rows |
|---|---|
{splits}

Rows kept out, by reason (each one is listed in `rejected.jsonl`):

| Reason | Rows |
|---|---|
{rejected}
{flagged}
Columns: `id`, `text`, `summary`, `language`, `group` (rows of one group are in one split), `source`, `pages`.

License: {license or "that of the source; DeepSynth does not know it."}
"""
