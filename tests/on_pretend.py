"""Run the cells of a notebook with the pretend device where a GPU would be: ``python -m tests.on_pretend NOTEBOOK``.

No kernel: the cells run in one shell of IPython, since the pretend device belongs to a thread. The first cell that fails
is shown, and decides the exit code.
"""

import os
import sys
from pathlib import Path

import nbformat
import torch
from IPython.core.interactiveshell import InteractiveShell

from tests.pretend import DEVICE, Factories, Pretend


def run(path: Path) -> int:
    """Run the cells; return the number of the first that fails, or 0."""
    os.environ |= {"VISLIB_DEVICE": str(DEVICE), "VISLIB_PROGRESS": "off", "MPLBACKEND": "agg"}
    os.chdir(path.resolve().parent)
    torch.__future__.set_overwrite_module_params_on_conversion(True)  # as the parameters change their type, too
    cells = nbformat.read(path.name, as_version=4).cells  # type: ignore[no-untyped-call]
    shell = InteractiveShell.instance()
    with Pretend(), Factories():  # type: ignore[no-untyped-call]
        for number, cell in enumerate(cells):
            if cell.cell_type == "code" and not shell.run_cell(cell.source, store_history=True).success:
                print(f"cell {number} of {path.name} fails on another device:\n{cell.source}", file=sys.stderr)
                return number or 1
    return 0


if __name__ == "__main__":
    sys.exit(1 if run(Path(sys.argv[1])) else 0)
