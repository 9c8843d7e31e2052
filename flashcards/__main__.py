"""`python -m flashcards`."""

import sys

from flashcards.cli import main

if __name__ == "__main__":
    sys.exit(main())
