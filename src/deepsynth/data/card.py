"""The card of a prepared dataset: what it holds, where it comes from, how it was cleaned; in the Hub's form."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from deepsynth.data.prepared import SAMPLES
from deepsynth.data.samples import Sample

SHOWN_CHARS = 400
"""How much of a summary stands below its picture."""
_MARKUP = re.compile(r"[\\`*_{}\[\]#+!|~-]")
HUB_LICENSES = ("apache-2.0", "mit", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0",
                "cc-by-nc-nd-4.0", "unknown")  # fmt: skip
"""Names that the Hub knows, as far as sources here use them; other terms are `other`, in words."""
_SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M"))


def dataset_card(
    settings: Mapping[str, Any], report: Mapping[str, Any], license: str, samples: Sequence[Sample]
) -> str:
    """Return README.md for a dataset folder that holds the pictures of `samples`."""
    parts = (
        _front(report, license),
        _about(settings, license),
        _samples(samples),
        _table(("Split", "Rows"), report["splits"].items()),
        _statistics(report["statistics"]),
        "Rows kept out, by reason (each one is listed in `rejected.jsonl`):",
        _table(("Reason", "Rows"), report["rejected"].items() or [("none", 0)]),
        "".join(f"Kept but flagged: {count:,} rows with {name}.\n\n" for name, count in report["flagged"].items()),
        _reading(),
    )
    return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"


def _front(report: Mapping[str, Any], license: str) -> str:
    """Return the part that the Hub reads: without it the viewer would guess the splits."""
    rows = sum(report["splits"].values())
    known = [name for name in report["statistics"]["languages"] if re.fullmatch(r"[a-z]{2,3}(-\w+)?", name)]
    facts: dict[str, Any] = {
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": name, "path": f"{name}-*.parquet"} for name in report["splits"]],
            }
        ],
        "language": [name.split("-")[0] for name in known if name != "und"],
        **_license(license),
        "size_categories": [next((name for most, name in _SIZES if rows < most), "n>10M")],
        "task_categories": ["summarization", "image-to-text"],
    }
    facts = {name: value for name, value in facts.items() if value}
    return f"---\n{yaml.safe_dump(facts, sort_keys=False, allow_unicode=True)}---"


def _license(license: str) -> dict[str, str]:
    name = license.strip().lower()
    if not name:
        return {"license": "unknown"}
    return {"license": name} if name in HUB_LICENSES else {"license": "other", "license_name": "see-below"}


def _about(settings: Mapping[str, Any], license: str) -> str:
    rendering = settings["rendering"]
    drawn = "stored as PNG" if settings["pages"] == "stored" else "drawn when they are read"
    terms = license if license and license != "unknown" else "that of the source; DeepSynth does not know it."
    return f"""# Page images with summaries from `{settings["source"]}`

Made by DeepSynth. Pages are gray, mode `{rendering["mode"]}`, letters of {rendering["px"]} px, face `{rendering["font"]}`,
and {drawn}. Fingerprint `{settings["fingerprint"]}`.

License: {terms}"""


def _samples(samples: Sequence[Sample]) -> str:
    """Return each picture with the summary that belongs to it."""
    return "\n\n".join(
        f"![The first page of a row]({SAMPLES}/{sample.name})\n\n> {_plain(sample.summary or 'no summary')}\n>\n"
        f"> {_plain(sample.row)}"
        for sample in samples
    )


def _plain(text: str) -> str:
    """Return a text on one line, in which nothing is taken for markup."""
    line = " ".join(text.split())
    line = line if len(line) <= SHOWN_CHARS else f"{line[:SHOWN_CHARS].rsplit(' ', 1)[0]} ..."
    return _MARKUP.sub(r"\\\g<0>", html.escape(line, quote=False))


def _statistics(statistics: Mapping[str, Any]) -> str:
    lengths = [
        (name, *(f"{values[key]:,g}" for key in ("p5", "p50", "p95", "mean")))
        for name, values in statistics["lengths"].items()
    ]
    languages = ", ".join(f"{name} {count:,}" for name, count in statistics["languages"].items())
    return _table(("Of a row", "5 %", "half", "95 %", "mean"), lengths) + f"\n\nLanguages (rows): {languages}."


def _reading() -> str:
    return """Columns: `id`, `text`, `summary`, `language`, `group` (rows of one group are in one split), `source`,
`configuration`, `original_split`, `original_index`, `content_hash` (sha256 of the document), `pages` (PNG).

```python
from datasets import load_dataset

rows = load_dataset("OWNER/NAME", split="train")
rows[0]["pages"][0]  # a picture
```

With DeepSynth: `deepsynth pull OWNER/NAME --out data/here`, then `deepsynth train --data.path data/here`."""


def _table(head: Sequence[str], rows: Any) -> str:
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for row in rows:
        cells = (f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
