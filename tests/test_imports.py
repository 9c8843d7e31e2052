"""Importing vislib is cheap: heavy libraries are imported by the functions that need them."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEAVY = ["torchvision", "timm", "sklearn", "skimage", "scipy", "matplotlib", "IPython", "pandas", "openTSNE", "captum"]
WIDGETS = "vislib.course.frame"  # with "patch" those with widgets, which the explorers import when they are called
LATE = {WIDGETS: {"ipywidgets", "IPython"}, "vislib.course.patch": set(), "vislib.course.drawn": {"matplotlib"}}

SCRIPT = """
import importlib, json, sys
import torch
before, found = set(sys.modules), {}
for name in json.loads(sys.argv[1]):
    importlib.import_module(name)
    found[name] = sorted({m.split(".")[0] for m in set(sys.modules) - before})
    before = set(sys.modules)
print(json.dumps(found))
"""


def test_no_module_imports_a_heavy_library() -> None:
    """One process imports them all, in an order in which those that may import one come last and hide nothing."""
    paths = [path.relative_to(ROOT).with_suffix("") for path in (ROOT / "vislib").rglob("*.py")]
    modules = [".".join(p.parts).removesuffix(".__init__") for p in paths]
    assert {"vislib", "vislib.course.figures", "vislib.course.occlusion", WIDGETS} <= set(modules)
    modules.sort(key=lambda name: (name in LATE, name))
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(modules)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    imported: dict[str, list[str]] = json.loads(result.stdout)
    assert imported.keys() == set(modules)
    assert "ipywidgets" in imported[WIDGETS]  # or the list above would be blind
    for module, libraries in imported.items():
        forbidden = {*HEAVY, "ipywidgets"} - LATE.get(module, set())
        assert forbidden.isdisjoint(libraries), f"{module} imports {sorted(forbidden.intersection(libraries))}"
