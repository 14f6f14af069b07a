from __future__ import annotations

import time

from deepsynth.data.config import SourceConfig
from deepsynth.data.sources.packages import PackagesSource, plain_text


def test_installed_packages_give_readme_and_summary() -> None:
    source = PackagesSource(SourceConfig())
    records = {record.document.id: record for record in source}
    assert "pytest" in records
    assert "pytest" in (records["pytest"].summary or "")
    assert len(records["pytest"].document.text or "") > 200
    assert len(records) + len(source.rejected) == len({*records, *(bad.where for bad in source.rejected)})


def test_the_order_and_the_fingerprint_are_stable() -> None:
    first, second = PackagesSource(SourceConfig()), PackagesSource(SourceConfig())
    assert first.fingerprint == second.fingerprint
    assert [record.document.id for record in first] == sorted(record.document.id for record in second)


def test_markdown_becomes_prose() -> None:
    readme = """<!-- a comment
over lines -->
# My *tool*

[![build](https://x/y.svg)](https://x) ![logo](logo.png)

A **fast** tool for [reading](https://example.org) `pages` &amp; books.
It is one paragraph.

---

```python
import tool
```

- first item
"""
    assert plain_text(readme) == (
        "My *tool*\n\nA fast tool for reading pages & books. It is one paragraph.\n\n- first item"
    )


def test_restructured_text_becomes_prose() -> None:
    readme = """Tool
====

.. image:: https://x/y.svg
   :alt: build

See `the docs <https://example.org>`_ and :func:`run`.
"""
    assert plain_text(readme) == "Tool\n\nSee the docs and run."


def test_hostile_text_takes_linear_time() -> None:
    began = time.perf_counter()
    for piece in ("=" * 20_000 + "x", "[" * 20_000, "`" * 20_000, "<a" * 10_000, "**" * 10_000, "```\n" * 5_000):
        plain_text(piece)
    assert time.perf_counter() - began < 5


def test_the_terms_are_those_of_each_package() -> None:
    assert PackagesSource(SourceConfig()).license.startswith("Each text has the terms of its package")
