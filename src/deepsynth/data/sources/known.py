"""Public datasets that are known by heart: where they are, which columns to read, what their license says.

Facts are from the datasets' own cards. `script` marks those whose main branch holds a loading script: no program runs
such scripts any more, so they are read from the Hub's Parquet export, where a configuration is a folder. All others
are read from there too (the layout is the same everywhere) unless a revision is given.
"""

from __future__ import annotations

from dataclasses import dataclass

EXPORT_REVISION = "refs/convert/parquet"
"""The branch in which the Hub keeps its own Parquet copy of a dataset."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownDataset:
    """A public dataset of documents and summaries."""

    id: str
    text: str
    summary: str
    subsets: tuple[str, ...] = ("default",)
    """Its configurations; when there are several, the first is the usual one unless `languages` says otherwise."""
    languages: tuple[str, ...] = ("en",)
    """The language of each configuration in turn, or one for all."""
    subset_is_language: bool = False
    """Whether the configuration chooses the language and therefore must be named."""
    splits: tuple[str, ...] = ("train", "validation", "test")
    revision: str = EXPORT_REVISION
    script: bool = False
    license: str = "unknown"
    """As the dataset's card states it, in the Hub's spelling where it has one; `unknown` where the card states none."""

    @property
    def usual_subset(self) -> str | None:
        """The configuration that is read when none is named; none where the user must choose a language."""
        return None if self.subset_is_language else self.subsets[0]

    def language(self, subset: str) -> str:
        """Return the language of the rows of `subset`."""
        return dict(zip(self.subsets, self.languages, strict=False)).get(subset, self.languages[0])


_XLSUM = {
    "english": "en", "french": "fr", "spanish": "es", "portuguese": "pt", "russian": "ru", "japanese": "ja",
    "arabic": "ar", "chinese_simplified": "zh-Hans", "chinese_traditional": "zh-Hant", "hindi": "hi",
    "indonesian": "id", "korean": "ko", "persian": "fa", "swahili": "sw", "thai": "th", "turkish": "tr",
    "ukrainian": "uk", "urdu": "ur", "vietnamese": "vi", "bengali": "bn", "tamil": "ta", "amharic": "am",
}  # fmt: skip

KNOWN: dict[str, KnownDataset] = {
    "mlsum": KnownDataset(
        id="reciTAL/mlsum",
        text="text",
        summary="summary",
        subsets=("de", "es", "fr", "ru", "tu"),
        languages=("de", "es", "fr", "ru", "tr"),
        subset_is_language=True,
        script=True,
        license="For research that is not commercial, as its card says.",
    ),
    "cnn_dailymail": KnownDataset(
        id="abisee/cnn_dailymail",
        text="article",
        summary="highlights",
        subsets=("3.0.0", "2.0.0", "1.0.0"),
        license="apache-2.0",
    ),
    "xsum": KnownDataset(id="EdinburghNLP/xsum", text="document", summary="summary", script=True),
    "billsum": KnownDataset(
        id="FiscalNote/billsum", text="text", summary="summary", splits=("train", "test", "ca_test"), license="cc0-1.0"
    ),
    "arxiv": KnownDataset(
        id="ccdv/arxiv-summarization", text="article", summary="abstract", subsets=("section", "document")
    ),
    "pubmed": KnownDataset(
        id="ccdv/pubmed-summarization", text="article", summary="abstract", subsets=("section", "document")
    ),
    "samsum": KnownDataset(id="knkarthick/samsum", text="dialogue", summary="summary", license="cc-by-nc-nd-4.0"),
    "dialogsum": KnownDataset(id="knkarthick/dialogsum", text="dialogue", summary="summary", license="cc-by-nc-sa-4.0"),
    "orangesum": KnownDataset(
        id="EdinburghNLP/orange_sum",
        text="text",
        summary="summary",
        subsets=("abstract", "title"),
        languages=("fr",),
        script=True,
    ),
    "xlsum": KnownDataset(
        id="csebuetnlp/xlsum",
        text="text",
        summary="summary",
        subsets=tuple(_XLSUM),
        languages=tuple(_XLSUM.values()),
        subset_is_language=True,
        script=True,
        license="cc-by-nc-sa-4.0",
    ),
}
"""By short name."""


def find_known(name: str) -> KnownDataset | None:
    """Return the known dataset of a short name or Hub id."""
    if name in KNOWN:
        return KNOWN[name]
    return next((item for item in KNOWN.values() if item.id.lower() == name.lower()), None)
