"""Train the bundled model from nothing, measure it, and write the folder that ships.

    python recipes/nano/run.py            # everything; run again to go on where it stopped
    python recipes/nano/run.py --measure  # the figures of the model that ships, no training

Each step is a verb of `deepsynth` with a settings file of this folder, and each goes on where it was stopped: on a machine that
is lent for minutes, stop it by SIGTERM and run it again.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

from add_copying import widen
from card import card
from measure import measure
from ship import ship

from deepsynth.core.files import write_manifest, write_text

HERE = Path(__file__).parent
STEPS = (
    ("prepare", "data.yaml"),
    ("train", "1-lines.yaml"),
    ("train", "2-pages.yaml"),
    ("train", "3-full-pages.yaml"),
    ("prepare", "manuals.yaml"),
    ("train", "4-manuals.yaml"),
    ("prepare", "documents.yaml"),
    ("train", "5-documents.yaml"),
    ("prepare", "long.yaml"),
    ("train", "6-reading.yaml"),
    ("train", "7-answers.yaml"),
)
PAGES, COPYING = Path("runs/nano/pages/checkpoint-700"), Path("runs/nano/copying")
"""The checkpoint that is given a path to copy by, before the third stage, and where that lies."""
TRAINED = Path("runs/nano/answers")
MODEL = Path("runs/nano/model")


def run(verb: str, settings: Path) -> None:
    """Run a verb; its exit code is ours when it fails or pauses."""
    print(f"\n== deepsynth {verb} --config {settings}", flush=True)
    code = subprocess.run([sys.executable, "-m", "deepsynth", verb, "--config", str(settings)], check=False).returncode
    if code:
        sys.exit(code)


def newest(folder: Path) -> Path:
    """Return the last checkpoint of a run."""
    return max(folder.glob("checkpoint-*"), key=lambda path: int(path.name.removeprefix("checkpoint-")))


def main() -> None:
    """Do what was asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", action="store_true", help="only measure the model that ships")
    asked = parser.parse_args()
    steps = [step for step in STEPS if not asked.measure or step == ("prepare", "documents.yaml")]
    for verb, settings in steps:
        if settings == "3-full-pages.yaml" and not COPYING.exists():
            widen(PAGES, COPYING)
        run(verb, HERE / settings)
    if not asked.measure:
        ship(newest(TRAINED), MODEL)
    figures = measure("nano" if asked.measure else str(MODEL), Path("runs/nano/documents-data"))
    print(json.dumps(figures, indent=1))
    Path("runs/nano/figures.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    if not asked.measure:
        write_text(MODEL / "README.md", card(figures))
        write_manifest(MODEL)
        print(f"\nthe model, its card and its figures are in {MODEL}")


if __name__ == "__main__":
    main()
