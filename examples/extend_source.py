"""A source of your own: the sections of one text file, each with its heading as the summary.

    PYTHONPATH=examples python -c "import extend_source; extend_source.demo()"

In a package of yours an entry point makes it known to every verb, with no import:

    [project.entry-points."deepsynth.sources"]
    sections = "your_package.sections:Sections"
"""

from collections.abc import Iterator
from pathlib import Path

from deepsynth.core.documents import Document, Record
from deepsynth.data.config import SourceConfig
from deepsynth.data.sources.base import Rejection, RowSource, make_fingerprint, sources


@sources.register("sections")
class Sections(RowSource):
    """Sections begin at lines that start with `# `; the file is named by the environment of your choice, here a constant."""

    license = "yours"
    path = Path("examples/sections.txt")

    def __init__(self, config: SourceConfig) -> None:
        super().__init__("sections")
        self.language = config.language

    @property
    def fingerprint(self) -> str:
        """Changes whenever the file does, so that a prepared dataset knows it is out of date."""
        return make_fingerprint({"text": self.path.read_text(encoding="utf-8")})

    def rows(self) -> Iterator[Record | Rejection]:
        """Yield a record for each section; one without text is told, never dropped in silence."""
        for number, section in enumerate(self.path.read_text(encoding="utf-8").split("# ")[1:]):
            heading, _, text = section.partition("\n")
            where = f"{self.path}, section {number + 1}"
            if not text.strip():
                yield Rejection(where=where, reason="empty-section", detail=heading)
                continue
            document = Document(id=f"sections/{number}", text=text.strip(), language=self.language)
            yield Record(document=document, summary=heading.strip())


def demo() -> None:
    """Show the rows as `deepsynth prepare sections` would read them."""
    for row in Sections(SourceConfig()).rows():
        print(row)
