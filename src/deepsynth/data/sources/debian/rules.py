"""Which descriptions teach summarizing: a rule each, named, so that every row that is kept out says why."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable

from deepsynth.data.sources.debian.stanzas import Description
from deepsynth.data.wording import CJK, count_words, letters, words

MIN_DOCUMENT_WORDS = 20
MIN_SUMMARY_WORDS = 3
MIN_SUMMARY_CHARS = 12
MIN_SUMMARY_CHARS_CJK = 6
MIN_COMPRESSION = 2.0
MAX_PER_SOURCE = 4

_META = re.compile(
    r"\b(?:transitional|dummy|meta-?\s?packages?|debug(?:ging)? symbols?|metapaquete|m[ée]tapaquets?|metapaket|metapacchetto"
    r"|paquet (?:de transition|factice)|paquete (?:de transici[óo]n|ficticio)|[üu]bergangspaket"
    r"|pacchetto (?:di transizione|fittizio|transitorio))\b",
    re.IGNORECASE,
)
_DEBUG_NAME = re.compile(r"-(?:dbg|dbgsym)$")
_BROKEN = ("\ufffd", "<trans>", "[[", "&lt;trans")
_STOP_WORDS = {
    "en": "the of and to a in is for that with this are be on as it by an or from which can you not",
    "fr": "le la les de des du et à un une est pour que qui dans en ce avec par sur plus ne pas sont",
    "de": "der die das und ist ein eine zu von mit für den dem auf nicht im es sich als auch werden wird",
    "es": "el la los las de del y a un una es para que en con por se su al como más no son este",
    "it": "il lo la i gli le di del della e a un una è per che in con si da non sono come più questo",
}
_STOPS = {language: frozenset(words.split()) for language, words in _STOP_WORDS.items()}


def why_dropped(item: Description, boilerplate: Collection[str]) -> str | None:
    """Return the first rule that `item` breaks by itself, or none.

    `boilerplate` holds the `letters` of paragraphs that stand in many sources; they do not count as text.
    """
    own = [paragraph for paragraph in item.paragraphs if letters(paragraph) not in boilerplate]
    minimum = MIN_SUMMARY_CHARS_CJK if CJK.search(item.summary) else MIN_SUMMARY_CHARS
    checks = (
        ("meta-package", item.is_meta or bool(_META.search(item.summary)) or bool(_DEBUG_NAME.search(item.package))),
        ("broken-text", any(mark in item.document + item.summary for mark in _BROKEN)),
        ("short-document", sum(map(count_words, own)) < MIN_DOCUMENT_WORDS),
        ("short-summary", count_words(item.summary) < MIN_SUMMARY_WORDS or len(item.summary) < minimum),
        ("low-compression", len(item.document) < MIN_COMPRESSION * len(item.summary)),
        ("not-translated", _is_english(item)),
    )
    return next((reason for reason, broken in checks if broken), None)


def _is_english(item: Description) -> bool:
    own = _STOPS.get(item.language)
    if own is None or item.language == "en":
        return False
    found = words(item.document)
    if len(found) < MIN_DOCUMENT_WORDS:
        return False
    counts = Counter(found)
    return sum(counts[word] for word in _STOPS["en"] - own) > sum(counts[word] for word in own - _STOPS["en"])


def drop_repeats(items: Iterable[Description]) -> dict[str, str]:
    """Return id -> reason for documents that an earlier row has, and for rows beyond the fourth of a source."""
    seen: set[tuple[str, str]] = set()
    per_source: Counter[tuple[str, str]] = Counter()
    reasons: dict[str, str] = {}
    for item in items:
        text = (item.language, letters(item.document))
        source = (item.language, item.source)
        if text in seen:
            reasons[item.id] = "identical-document"
            continue
        seen.add(text)
        per_source[source] += 1
        if per_source[source] > MAX_PER_SOURCE:
            reasons[item.id] = "many-of-one-source"
    return reasons
