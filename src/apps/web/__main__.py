"""`python3 -m apps.web` starts the web application."""

import sys

from deepsynth.web.__main__ import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
