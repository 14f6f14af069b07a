"""`python -m deepsynth` is the `deepsynth` command."""

import sys

from deepsynth.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
