"""Check that every locked package has a license on the allow list, and print each with its license.

    python requirements/licenses.py [LOCK]      exit code 1 names the packages that have not

Licenses are read from the metadata of what is installed: the expression (PEP 639) first, then the classifiers, then the
free field. A package whose metadata say nothing usable stands in `READ_BY_HAND` with what its own license file says.
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

HERE = Path(__file__).parent
ALLOWED = {
    *(
        "0bsd",
        "apache",
        "boost",
        "bsd",
        "bsl-1.0",
        "cc0-1.0",
        "cnri-python",
        "isc",
        "llvm-exception",
        "mit",
        "mit-cmu",
        "mozilla",
    ),
    *("mpl", "ofl-1.1", "psf", "python software foundation", "unicode", "unlicense", "zlib"),
}
"""Words that a permissive license's name begins with; MPL is file-level copyleft and used unchanged."""
READ_BY_HAND: dict[str, str] = {}
"""Package -> license, for those whose metadata do not name it."""


def packages(lock: Path) -> list[str]:
    """Return the names that a lock file pins."""
    lines = lock.read_text(encoding="utf-8").splitlines()
    return [line.partition("==")[0] for line in lines if line and not line.startswith("#")]


def license_of(name: str) -> str:
    """Return the license of an installed package, as its metadata name it; empty where they do not."""
    if name in READ_BY_HAND:
        return READ_BY_HAND[name]
    metadata = distribution(name).metadata
    if expression := metadata.get("License-Expression"):
        return expression
    prefix = "License :: "
    classifiers = [line.removeprefix(prefix) for line in metadata.get_all("Classifier", []) if line.startswith(prefix)]
    if classifiers:
        return " OR ".join(line.split(" :: ")[-1] for line in classifiers)
    return (metadata.get("License") or "").strip().splitlines()[0] if metadata.get("License") else ""


def is_allowed(license_name: str) -> bool:
    """Tell whether every part of a license expression, or one of its alternatives, is on the allow list."""
    alternatives = re.split(r"\bOR\b", license_name)
    return any(all(_known(part) for part in re.split(r"\b(?:AND|WITH)\b|;", choice)) for choice in alternatives)


def _known(part: str) -> bool:
    name = part.strip(" ()").lower().removeprefix("the ")
    return name in ("dfsg approved", "osi approved") or any(name.startswith(word) for word in ALLOWED)


def main(arguments: list[str]) -> int:
    """Print the table; return 1 if a package is not allowed or not installed."""
    lock = Path(arguments[0]) if arguments else HERE / "cpu.lock"
    refused = 0
    for name in packages(lock):
        try:
            found = license_of(name)
        except PackageNotFoundError:
            sys.stderr.write(f"error: {name} is in {lock} but not installed; run make setup\n")
            refused += 1
            continue
        if not is_allowed(found):
            sys.stderr.write(
                f"error: {name}: license {found or 'not stated'!r} is not on the allow list of {__file__}\n"
            )
            refused += 1
        sys.stdout.write(f"{name:32} {found}\n")
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
