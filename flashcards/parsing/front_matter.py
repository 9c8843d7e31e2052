"""The TOML between the two `+++` lines at the beginning of a deck or an exam."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from flashcards.course import NOTEBOOKS
from flashcards.model import Report


def read_front_matter(text: str, problem: Report) -> tuple[dict[str, Any], int]:
    """What stands in the front matter, as far as it is right, and how many lines it takes."""
    lines = text.split("\n")
    if lines[0].rstrip() != "+++":
        problem(1, "the file begins without front matter; expected '+++', then title, notebook and tags, then '+++'")
        return {}, 0
    end = next((i for i, line in enumerate(lines[1:], 1) if line.rstrip() == "+++"), None)
    if end is None:
        problem(1, "the front matter opened with '+++' is never closed with '+++'")
        # The cards are read all the same, so that their mistakes are found too.
        return {}, next((i for i, line in enumerate(lines) if line.startswith("## ")), len(lines))
    try:
        meta = tomllib.loads("\n".join(lines[1:end]))
    except tomllib.TOMLDecodeError as error:
        where = re.search(r"at line (\d+)", str(error))
        problem(1 + int(where[1]) if where else end + 1, f"the front matter is not TOML: {error}")
        return {}, end + 1

    def line_of(key: str) -> int:
        return next((i for i, line in enumerate(lines[:end], 1) if line.split("=")[0].strip() == key), 1)

    for key in sorted(meta.keys() - {"title", "notebook", "tags"}):
        problem(line_of(key), f"unknown key {key!r} in the front matter; expected title, notebook and tags")
    for key in ("title", "notebook"):
        if key not in meta:
            problem(1, f"the front matter has no {key}")
        elif not isinstance(meta[key], str) or not meta[key].strip():
            problem(line_of(key), f"the {key} is {meta[key]!r}; expected a text")
            del meta[key]
    tags = meta.get("tags", [])
    if "tags" not in meta:
        problem(1, "the front matter has no tags")
    elif not isinstance(tags, list) or not all(isinstance(tag, str) and re.fullmatch(r"[\w-]+", tag) for tag in tags):
        problem(line_of("tags"), f"the tags are {tags!r}; expected a list of words without blanks")
        del meta["tags"]
    if meta.get("notebook", NOTEBOOKS[0]) not in NOTEBOOKS:
        problem(line_of("notebook"), f"unknown notebook {meta['notebook']!r}; expected one of {', '.join(NOTEBOOKS)}")
    return meta, end + 1
