"""An exam that is being written: a small JSON file beside the progress, so that nothing is lost on a reload.

Like the log it never fails the learner: what cannot be saved or read is said in `notice`. The file is made by the first
answer, and a file that is no draft is left as it is.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
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
        self.known: Mapping[str, Any] = {}  # the state that this view took up or last saved: it has said what differs

    def read(self) -> Mapping[str, Any] | None:
        """What was said before; None if nothing was, or if it cannot be read."""
        if self.path is None or not os.path.lexists(self.path):
            return None
        found = _content(self.path)
        if found is None or not _fit(found):
            self.path, self.notice = None, f"{self.path} holds no answers that can be read; nothing is saved."
            return None
        return found

    def write(self, state: Mapping[str, Any]) -> None:
        """Keep the state of an attempt, in one piece: a crash leaves the answers before or those after.

        Where this view of the exam has said nothing the file keeps what another view has written.
        """
        if self.path is None:
            return
        found = _content(self.path)
        whole = _merged(found, self.known, state) if found is not None and _fit(found) else state
        fresh = self.path.with_suffix(f".{os.getpid()}.tmp")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_text(json.dumps({**whole, "kind": _KIND}), encoding="utf-8")
            os.replace(fresh, self.path)
        except OSError as error:
            self.notice = f"Not saved ({self._told(error)}). Your answers are kept until the kernel stops."
            with suppress(OSError):
                fresh.unlink(missing_ok=True)
        else:
            self.notice, self.known = "", state

    def forget(self) -> None:
        """Delete the file."""
        try:
            if self.path is not None:
                self.path.unlink(missing_ok=True)
        except OSError as error:
            self.notice = f"Not deleted ({self._told(error)}). The next run of this cell shows these answers again."

    def _told(self, error: OSError) -> str:
        return f"{error.filename or self.path}: {error.strerror}"


def draft_of(exam: str, file: Path | None = None) -> Draft:
    """The draft of an exam, by its name, and by its file if it is not one of the course; kept nowhere while progress is off."""
    progress = default_path()
    place = "" if file is None else f"-{sha256(str(file.resolve()).encode()).hexdigest()[:8]}"
    return Draft(progress.parent / f"{_PREFIX}{exam}{place}.json" if progress else None)


def drafts() -> list[Path]:
    """The files of all drafts, and of nothing else."""
    progress = default_path()
    found = sorted(progress.parent.glob(f"{_PREFIX}*")) if progress else []
    return [path for path in found if path.suffix in (".json", ".tmp") and _content(path) is not None]


def _content(path: Path) -> dict[str, Any] | None:
    """What a draft says; None for a file that is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) and content.get("kind") == _KIND else None


def _fit(content: Mapping[str, Any]) -> bool:
    """Tell whether a draft says all that an attempt takes up."""
    said = content.get("said")
    answers = list(said.values()) if isinstance(said, dict) else [None]
    whole = all(isinstance(answer, dict) and isinstance(answer.get("ticked", []), list) for answer in answers)
    return whole and isinstance(content.get("at"), int) and isinstance(content.get("handed_in"), bool)


def _merged(theirs: Mapping[str, Any], known: Mapping[str, Any], state: Mapping[str, Any]) -> dict[str, Any]:
    """What a file says, with all in its place that `state` says otherwise than `known`."""
    before = known.get("said", {})
    said = {
        id: {**answer, **theirs["said"].get(id, {}), **_changed(answer, before.get(id, {}))}
        for id, answer in state["said"].items()
    }
    return {**theirs, **_changed(state, known), "at": state["at"], "said": {**theirs["said"], **said}}


def _changed(now: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in now.items() if key not in before or value != before[key]}
