"""`python -m flashcards check`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from flashcards import deck


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m flashcards")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("check", help="look for mistakes in the decks")
    command.add_argument("decks", nargs="*", type=Path)
    options = parser.parse_args(arguments)
    problems = deck.check(options.decks or None)
    print(*problems, sep="\n", file=sys.stderr, end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
