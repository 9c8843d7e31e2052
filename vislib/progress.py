"""Progress bars on request, silent under CI."""

import os
from typing import Any


def progress_bar(total: int, description: str, show: bool) -> Any:
    """Return a tqdm bar over `total` units. It is disabled unless `show` is true, and always where ``CI`` is set."""
    from tqdm.auto import tqdm

    return tqdm(total=total, desc=description, disable=not show or bool(os.environ.get("CI")), leave=False)
