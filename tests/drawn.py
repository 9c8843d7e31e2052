"""What is drawn at random in a test is drawn by the date, so that a red run can be repeated."""

import os
from datetime import date


def day() -> date:
    """Return today; VISLIB_DAY=2026-11-28 repeats what was drawn on another day."""
    return date.fromisoformat(os.environ.get("VISLIB_DAY") or date.today().isoformat())
