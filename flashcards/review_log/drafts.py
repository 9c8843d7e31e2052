"""An exam that is being written: a small JSON file beside the progress, so that nothing is lost on a reload.

Like the log it never fails the learner: what cannot be saved or read is said in `notice`. The file is made by the first
answer, and a file that is no draft is left as it is.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from flashcards.review_log.store import default_path

_KIND = "answers to an exam of interpreting-vision"
_PREFIX = "exam-"


class Draft:
    """What was said in one exam; with no path it is kept nowhere."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.notice = ""

    def read(self) -> Mapping[str, Any] | None:
        """What was said before; None if nothing was, or if it cannot be read."""
        if self.path is None or not self.path.exists():
            return None
        found = _content(self.path)
        if found is None or not _fit(found):
            self.path, self.notice = None, f"{self.path} holds no answers that can be read; nothing is saved."
            return None
        return found

    def write(self, said: Mapping[str, Any]) -> None:
        """Keep what was said, in one piece: a crash leaves the answers before or those after."""
        if self.path is None:
            return
        fresh = self.path.with_suffix(".tmp")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_text(json.dumps({"kind": _KIND, **said}, ensure_ascii=False), encoding="utf-8")
            os.replace(fresh, self.path)
            self.notice = ""
        except OSError as error:
            self.notice = (
                f"Not saved ({error.filename}: {error.strerror}). Your answers are kept until the kernel stops."
            )

    def forget(self) -> None:
        """Delete the file."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)


def draft_of(exam: str, file: Path | None = None) -> Draft:
    """The draft of an exam, by its name, and by its file if it is not one of the course; kept nowhere while progress is off."""
    progress = default_path()
    place = "" if file is None else f"-{sha256(str(file.resolve()).encode()).hexdigest()[:8]}"
    return Draft(progress.parent / f"{_PREFIX}{exam}{place}.json" if progress else None)


def drafts() -> list[Path]:
    """The files of all drafts, and of nothing else."""
    progress = default_path()
    found = sorted(progress.parent.glob(f"{_PREFIX}*.json")) if progress else []
    return [path for path in found if _content(path) is not None]


def _content(path: Path) -> dict[str, Any] | None:
    """What a draft says; None for a file that is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) and content.get("kind") == _KIND else None


def _fit(content: Mapping[str, Any]) -> bool:
    """Tell whether a draft says all that an attempt takes up."""
    said = content.get("said")
    answers = list(said.values()) if isinstance(said, dict) else [None]
    whole = all(isinstance(answer, dict) and isinstance(answer.get("ticked", []), list) for answer in answers)
    return whole and isinstance(content.get("at"), int) and isinstance(content.get("handed_in"), bool)
