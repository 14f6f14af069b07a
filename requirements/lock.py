"""Write cpu.lock and cuda.lock: exact pins of everything that the project and its development need.

    python requirements/lock.py [cpu|cuda ...]
    python requirements/lock.py --runtime cpu    prints what an image needs: the lock less what only development needs

Resolved by pip itself, which reads metadata only (nothing is downloaded whole). The files hold no hashes, because the CPU
build of torch carries the same version as the CUDA build with other bytes, and no index addresses, so that mirrors work.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
EXTRAS = {
    "cpu": ("web", "data", "office", "fonts", "hyphenation", "postgres", "dev", "docs"),
    "cuda": ("web", "data", "office", "fonts", "hyphenation", "postgres", "gpu"),
}
"""What each lock holds beside the base: the CPU lock serves development, the CUDA lock serves training."""


def requirements(variant: str, *, without: tuple[str, ...] = ()) -> list[str]:
    """Return the requirement lines of the base and of the variant's extras, but those in `without`."""
    project = tomllib.loads((HERE.parent / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    build = project["build-system"]["requires"]
    chosen = [name for name in EXTRAS[variant] if name not in without]
    return [*project["project"]["dependencies"], *build, *(line for name in chosen for line in extras[name])]


def resolve(variant: str) -> list[str]:
    """Return sorted `name==version` lines as pip would install them now."""
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet", "--report", "-"]
    environment = dict(os.environ)
    if variant == "cuda":  # a local folder of CPU wheels must not win over the index
        environment = {name: value for name, value in environment.items() if name != "PIP_FIND_LINKS"}
        environment["PIP_CONFIG_FILE"] = os.devnull
    answer = subprocess.run([*command, *requirements(variant)], env=environment, check=True, stdout=subprocess.PIPE)
    found = [item["metadata"] for item in json.loads(answer.stdout)["install"]]
    return sorted(f"{item['name'].lower()}=={item['version'].partition('+')[0]}" for item in found)


def main(arguments: list[str]) -> None:
    """Write the lock of each variant, or print what runs without development's tools."""
    if arguments[:1] == ["--runtime"]:
        sys.stdout.write("\n".join(requirements(arguments[1], without=("dev", "docs"))) + "\n")
        return
    variants = arguments
    for variant in variants or list(EXTRAS):
        head = f"# Written by requirements/lock.py for Linux and Python 3.{sys.version_info.minor}; do not edit.\n"
        (HERE / f"{variant}.lock").write_text(head + "\n".join(resolve(variant)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
