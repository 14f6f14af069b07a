"""Models that need no download, by name: the trained one that lies in the package, and sizes with random weights."""

from __future__ import annotations

from pathlib import Path

BUNDLED = "nano"
"""The name of the trained model in the package; a folder of that name is meant by `./nano`."""
SIZES = {"nano-untrained": "nano", "tiny": "tiny", "full": "full"}
"""Name -> size of the family `deepseek_ocr`; all have random weights, and `full` takes no memory until it is loaded."""
BUILT_IN = (BUNDLED, "nano-untrained", "tiny")
"""Names that can be run at once."""

ASKING = "asking.json"
"""The file of a model folder that says how the model has learned to be asked (see `inference.habits`)."""


def folder_of(path_or_id: str | Path) -> Path:
    """Return the folder that a name means: the bundled model's, else the path itself, whether it is there or not."""
    if str(path_or_id) == BUNDLED:
        return Path(__file__).parents[1] / "models" / "deepseek_ocr" / "nano"
    return Path(path_or_id).expanduser()
