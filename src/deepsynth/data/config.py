"""Settings of the data package: where rows come from, what is cleaned away, and what training reads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from deepsynth.core.config import Config, read_settings_file
from deepsynth.rendering.config import Font, RenderConfig

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Count = Annotated[int, Field(ge=1)]
Similarity = Annotated[float, Field(ge=0.3, le=1.0)]
Policy = Literal["keep", "flag", "drop"]
"""Keep rows and say nothing, keep them and count them in the report, or keep them out."""


class SourceConfig(Config):
    """Where the rows come from and how to read them."""

    source: str = "packages"
    """A name (`packages`, `debian`, `man`, or a dataset such as `xsum`), a file, a folder, or a Hub id."""
    text_column: str | None = None
    """The column that holds the document; guessed when the guess is sure."""
    summary_column: str | None = None
    """The column that holds the summary; guessed when the guess is sure."""
    id_column: str | None = None
    """The column that names the row; else its file and line do."""
    language_column: str | None = None
    """The column with the language code, where rows differ."""
    group_column: str | None = None
    """The column whose equal values must stay on one side of a split."""
    language: str = "und"
    """Language code (BCP 47) of all rows, where no column says it; `detect` finds it row by row."""
    languages: tuple[str, ...] = ("en",)
    """The languages to fetch, for sources that have several (`debian`, `man`)."""
    subset: str | None = None
    """The configuration of a Hub dataset, for example `fr` of mlsum."""
    revision: str | None = None
    """Branch, tag or commit of a Hub dataset."""
    streaming: bool = False
    """Read the files of a Hub dataset over the network as they are needed, instead of keeping a copy in the Hub's cache."""
    splits: tuple[str, ...] = ()
    """Only these splits of a source that has them; empty means all."""
    lists: Path | None = None
    """A folder of package lists copied from a Debian machine, where there is no apt (`debian`)."""
    manuals: Path | None = None
    """A folder of manual pages such as /usr/share/man (`man`); else Debian's packages of them are fetched by apt."""
    cache: Path = Path("~/.cache/deepsynth")
    """Where fetched package lists and manual pages are kept (`debian`, `man`)."""
    require_summary: bool = True
    """Whether a row without a summary is kept out."""
    max_chars: Count = 200_000
    """Rows with a longer text are kept out as too long."""
    limit: Count | None = None
    """Read no more rows than this many good ones."""


class CleaningConfig(Config):
    """What is kept out of a dataset, beyond rows that cannot be read."""

    normalize: bool = True
    """Put texts into one form: composed letters, plain line ends, no control characters, no runs of blank lines."""
    min_chars: Annotated[int, Field(ge=0)] = 40
    """Shorter documents are kept out."""
    cut_chars: Count | None = None
    """Keep only the beginning of longer documents: whole paragraphs or sentences up to so many characters."""
    max_pages: Count = 16
    """Documents that take more pages are kept out: every page is read in one prompt, and prompts have a limit."""
    min_summary_chars: Annotated[int, Field(ge=0)] = 8
    """Shorter summaries are kept out."""
    min_compression: Annotated[float, Field(ge=0.0)] = 1.2
    """Rows whose document is fewer than so many times as long as the summary are kept out."""
    language_check: Policy = "flag"
    """What to do with a document that is clearly in another language than its row says."""
    exact_duplicates: bool = True
    """Keep out a document whose letters and digits, in lower case, equal an earlier one's."""
    near_duplicates: Policy = "drop"
    """What to do with a document that shares most of its five-word runs with an earlier one."""
    near_similarity: Similarity = 0.8
    """From which share of common runs (Jaccard similarity, estimated by MinHash) two documents count as near."""
    leaks: Policy = "drop"
    """What to do with a validation or test row that is near a training row."""
    leak_similarity: Similarity = 0.5
    """From which share of common runs a held-out row counts as near a training row."""
    verbatim_summaries: Policy = "flag"
    """What to do with a summary that stands word for word in its document."""


class SplitConfig(Config):
    """How rows without a split of their own are divided; by group, never by row."""

    validation: Share = 0.05
    """Share of the groups that becomes the validation split."""
    test: Share = 0.1
    """Share of the groups that becomes the test split."""
    seed: int = 0
    """Another seed gives another division."""


DATASET = "dataset.json"
"""The file of a prepared dataset that holds the settings it was made with."""


class DataConfig(Config):
    """What training and evaluation read from a prepared dataset."""

    path: Path = Path("data/prepared")
    """Folder that `deepsynth prepare` wrote."""
    train_split: str = "train"
    """Split to learn from."""
    evaluation_split: str = "validation"
    """Split to watch while training."""
    max_train_samples: Count | None = None
    """Learn from no more rows than this."""
    max_eval_samples: Count | None = None
    """Evaluate no more rows than this."""
    tasks: dict[str, float] = Field(default_factory=lambda: {"summarize": 1.0})
    """Share of each task among the examples: summarize, read, random, shuffled, first-sentence, line, random-line,
    cloze, title."""
    longest_text: Annotated[int, Field(ge=4)] | None = None
    """For all tasks but summarize: show a stretch of the text of a random length up to so many characters."""
    read_first: Share = 0.0
    """For tasks that answer something (all but read, random and shuffled): the share of their examples in which the model
    writes down the page before it answers. From one half on the trained model is asked so, wherever nothing else is said."""
    keep_lines: bool = False
    """What is read from a page ends its lines where the page does, so that the place is easier to keep; else it is one line.
    The tasks `line` and `random-line` then ask for lines of the page instead of lines of the text."""
    num_workers: Annotated[int, Field(ge=0)] = 0
    """Processes that read and render ahead of training; 0 means in the training process."""
    pad_to_multiple_of: Count | None = 32
    """Round sequence lengths up, so that few distinct shapes occur (much faster on CPU)."""

    def drawn(self) -> RenderConfig | None:
        """Return how the dataset's pages are drawn, from one small file of it; none where no dataset is."""
        path = self.path / DATASET
        return RenderConfig.parse(read_settings_file(path)["rendering"]) if path.is_file() else None


class CacheConfig(Config):
    """The cache of visual tokens: each page is read by the frozen encoder once, and training never loads it."""

    folder: Path = Path("~/.cache/deepsynth/visual-tokens")
    """Where tokens are kept, for all runs; another encoder, kind or number format has a folder of its own in it."""
    features: Literal["encoder", "projected"] = "encoder"
    """What is kept: the encoder's outputs, on which the projector learns, or projected ones when it is frozen."""
    precision: Literal["float32", "bfloat16", "int8"] = "bfloat16"
    """Numbers on disk; int8 keeps a scale for each token and takes half the room of bfloat16."""
    compute: Literal["float32", "bfloat16"] = "float32"
    """Numbers in which the encoder runs while it fills the cache."""
    variants: Count = 1
    """With augmentation: so many changed versions of each page are kept, and epochs take turns with them."""


class AugmentationConfig(Config):
    """How pages are changed while training, as a scanner would; never mirrored, never cut."""

    rotation_degrees: Annotated[float, Field(ge=0.0, le=10.0)] = 1.0
    """Turn a page by up to so many degrees to either side, shrinking it until all of it fits."""
    smallest_scale: Annotated[float, Field(ge=0.5, le=1.0)] = 0.97
    """Shrink a page to between this and its full size."""
    brightness: Annotated[float, Field(ge=0.0, le=0.5)] = 0.1
    """Change the brightness by up to this share."""
    contrast: Annotated[float, Field(ge=0.0, le=0.5)] = 0.1
    """Change the contrast by up to this share."""
    noise: Annotated[float, Field(ge=0.0, le=0.5)] = 0.0
    """Standard deviation of Gaussian noise, as a share of the range from black to white."""
    blur: Annotated[float, Field(ge=0.0, le=5.0)] = 0.0
    """Blur by a radius of up to so many pixels."""
    perspective: Annotated[float, Field(ge=0.0, le=0.1)] = 0.0
    """Move each corner inwards by up to this share of the side, as on a page seen from the side."""
    weight: Annotated[float, Field(ge=0.0, le=0.5)] = 0.0
    """Make strokes bolder or thinner by up to this share of a pixel on each side."""
    paper: Annotated[float, Field(ge=0.0, le=0.5)] = 0.0
    """Let the light on the paper fall off by up to this share from one side to the other."""
    jpeg: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    """Pack the page as JPEG and unpack it: at 1 down to quality 30, near 0 at about 95."""
    fonts: tuple[Font, ...] = ()
    """Draw text in one of these typefaces or that of the settings, chosen by example and epoch; stored pages stay."""
    letter_size: Annotated[float, Field(ge=0.0, le=0.5)] = 0.0
    """Draw letters smaller or larger by up to this share, where that takes no page more and they can still be read."""


class EncodeConfig(Config):
    """Reading every page now with a model's frozen encoder: training with the same `cache` then loads no encoder at all."""

    model: str = "nano"
    """Model whose encoder reads: a size, a folder, or a Hub id, as training will name it."""
    seed: int = 0
    """Seed of that training: it decides the weights of a bare size, and how pages are changed."""
    splits: Annotated[tuple[str, ...], Field(min_length=1)] = ("train", "validation")
    """Splits whose pages are read; those that the dataset lacks are left out."""
    cache: CacheConfig = CacheConfig()
    """Where and how visual tokens are kept, as training will say it."""
    augmentation: AugmentationConfig | None = None
    """Read changed training pages, as many versions as `cache.variants` says."""
