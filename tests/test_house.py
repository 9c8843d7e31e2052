"""The house is in order: one set of versions everywhere, everything in the wheel, and arrows that point one way."""

import ast
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from pathspec import GitIgnoreSpec

ROOT = Path(__file__).resolve().parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
ENVIRONMENT: dict[str, Any] = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))

# ---- versions ----


def _pins() -> list[tuple[str, str]]:
    """Return (name, version) of each line of constraints.txt that is not a comment."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    found = []
    for line in lines:
        if line and not line.startswith("#"):
            name, _, version = line.partition("==")
            assert re.fullmatch(r"[\w.+!-]+", version), f"{line!r} pins no version"
            found.append((canonicalize_name(name), version))
    return found


PINS: dict[str, str] = dict(_pins())
REQUIREMENTS: dict[str, list[str]] = {
    "dependencies": PROJECT["project"]["dependencies"],
    **PROJECT["project"]["optional-dependencies"],
}


@pytest.mark.parametrize("group", REQUIREMENTS)
def test_every_requirement_is_pinned_to_a_version_that_it_allows(group: str) -> None:
    for requirement in map(Requirement, REQUIREMENTS[group]):
        pin = PINS.get(canonicalize_name(requirement.name))
        assert pin is not None, f"{requirement.name} has no line in constraints.txt"
        assert requirement.specifier.contains(pin, prereleases=True), f"{requirement} does not allow {pin}"


def test_each_package_is_pinned_once() -> None:
    names = [name for name, _ in _pins()]
    assert len(names) == len(set(names))


def test_pytorch_and_torchvision_belong_together() -> None:
    """torchvision 0.N was made for torch 2.(N - 15)."""
    torch, torchvision = ([int(part) for part in PINS[name].split(".")] for name in ("torch", "torchvision"))
    assert torchvision[1] == torch[1] + 15
    assert torchvision[2] == torch[2]


def _conda() -> dict[str, str | None]:
    """Return the conda packages of environment.yml, with the version that each entry asks for."""
    entries = [entry for entry in ENVIRONMENT["dependencies"] if isinstance(entry, str)]
    return {name: version or None for name, _, version in (entry.partition("=") for entry in entries)}


def test_conda_has_the_versions_of_pip() -> None:
    packages = _conda()
    assert SpecifierSet(PROJECT["project"]["requires-python"]).contains(f"{packages.pop('python')}.0")
    for tool in ("pip", "make"):
        assert packages.pop(tool) is None
    direct = {canonicalize_name(Requirement(line).name) for line in REQUIREMENTS["dependencies"]}
    assert packages.keys() <= direct
    assert packages == {name: PINS[canonicalize_name(name)] for name in packages}
    assert len(packages) >= 8


def test_conda_installs_the_course_by_pip_under_the_same_pins_without_cuda() -> None:
    [section] = [entry["pip"] for entry in ENVIRONMENT["dependencies"] if isinstance(entry, dict)]
    assert section == ["--extra-index-url https://download.pytorch.org/whl/cpu", "-c constraints.txt", "-e ."]
    assert ENVIRONMENT["channels"] == ["conda-forge"]


# ---- the wheel ----


def test_decks_pictures_and_scripts_are_in_the_wheel() -> None:
    """Hatch takes every file of the named packages that git does not ignore, as long as nothing else is configured."""
    assert PROJECT["tool"]["hatch"] == {"build": {"targets": {"wheel": {"packages": ["vislib", "flashcards"]}}}}
    ignored = GitIgnoreSpec.from_lines((ROOT / ".gitignore").read_text(encoding="utf-8").splitlines())
    files = [
        path.relative_to(ROOT).as_posix()
        for package in ("vislib", "flashcards")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    ]
    assert {"flashcards/decks/04_occlusion.md", "flashcards/widgets/static/card.js", "vislib/occlusion.py"} <= set(
        files
    )
    assert [file for file in files if ignored.match_file(file)] == []


# ---- arrows ----

# From the bottom up, as in the design: a module imports from its own layer and from those before it.
LAYERS = [
    {"__init__", "_device", "_check", "_progress", "explain"},
    {"models", "_checkpoint", "nets", "data", "imagenet", "fills", "controls", "activations", "_maps", "incremental"},
    {"occlusion", "gradients", "reconstruction", "embedding"},
    {"training"},
    {
        "sanity",
        "_randomisation",
        "roar",
        "_explained",
        "_removal",
        "_roar_result",
        "_sweep",
        "_intervals",
        "faithfulness",
    },
    {"results", "_recipes", "mystery", "scoreboard", "plots", "explore", "exercises", "__main__"},
]
METHODS = LAYERS[2]
EVALUATIONS = LAYERS[4]


def _imports(source: str, package: str) -> set[str]:
    """Return the absolute names of all modules that a module of `package` imports, also inside functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = f"{package}.{node.module or ''}".rstrip(".") if node.level else node.module or ""
            found |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return found


def _layer(module: str) -> int:
    for number, layer in enumerate(LAYERS):
        if module in layer:
            return number
    return 0 if module.startswith("_") else -1


def wrong_arrows(module: str, source: str) -> list[str]:
    """Return what a module of vislib imports although it must not."""
    used = {name.split(".")[1] for name in _imports(source, "vislib") if name.startswith("vislib.")}
    used = {name for name in used if _layer(name) >= 0} - {"__init__"}
    wrong = [
        f"{module} imports {name}, from a layer above it" for name in sorted(used) if _layer(name) > _layer(module)
    ]
    if module in EVALUATIONS:
        wrong += [f"{module} imports the method {name}" for name in sorted(used & METHODS)]
    if any(name.split(".")[0] == "flashcards" for name in _imports(source, "vislib")):
        wrong.append(f"{module} imports flashcards")
    return wrong


MODULES = sorted((ROOT / "vislib").rglob("*.py"))


def _module(path: Path) -> str:
    """Return the name of a file's module, or of the package that it is in."""
    return path.relative_to(ROOT / "vislib").parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT / "vislib")))
def test_arrows_point_down(path: Path) -> None:
    assert _layer(_module(path)) >= 0, f"{_module(path)} is in no layer: enter it in LAYERS"
    assert wrong_arrows(_module(path), path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("module", "source", "wrong"),
    [
        ("fills", "from vislib.occlusion import occlusion", "fills imports occlusion, from a layer above it"),
        ("_check", "def f():\n    from vislib import models", "_check imports models, from a layer above it"),
        ("models", "from . import plots", "models imports plots, from a layer above it"),
        ("sanity", "import vislib.gradients as g", "sanity imports the method gradients"),
        ("roar", "from .occlusion import occlusion", "roar imports the method occlusion"),
        ("explore", "from flashcards.collection import load", "explore imports flashcards"),
    ],
)
def test_a_wrong_arrow_is_seen(module: str, source: str, wrong: str) -> None:
    assert wrong_arrows(module, source) == [wrong]


def test_flashcards_knows_neither_vislib_nor_torch() -> None:
    paths = sorted((ROOT / "flashcards").rglob("*.py"))
    assert paths
    for path in paths:
        package = ".".join(path.relative_to(ROOT).parts[:-1])
        roots = {name.split(".")[0] for name in _imports(path.read_text(encoding="utf-8"), package)}
        assert roots.isdisjoint({"vislib", "torch"}), path


# ---- beside the code ----


def test_the_citation_says_what_the_project_file_says() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = PROJECT["project"]
    for theirs, ours in (("version", "version"), ("license", "license"), ("abstract", "description")):
        assert str(citation[theirs]) == project[ours]
    assert citation["authors"] == project["authors"]
    assert citation["keywords"] == project["keywords"]


def test_the_workflow_tests_the_oldest_python_and_runs_what_the_makefile_has() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "test.yml").read_text(encoding="utf-8"))
    pythons = workflow["jobs"]["test"]["strategy"]["matrix"]["python"]
    assert f">={pythons[0]}" == PROJECT["project"]["requires-python"]
    steps = [step.get("run", "") for job in workflow["jobs"].values() for step in job["steps"]]
    wanted = {
        target for run in steps for line in re.findall(r"\bmake ([a-z ]+)$", run, flags=re.M) for target in line.split()
    }
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.M))
    assert wanted == {"test", "site", "slides"}
    assert wanted <= targets


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_what_make_starts_keeps_its_compiled_modules() -> None:
    probe = ["make", "-s", "-f", "Makefile", "-f", "-", "probe"]
    rule = 'probe:\n\t@echo "[$$PYTHONDONTWRITEBYTECODE]"\n'
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    made = subprocess.run(probe, input=rule, env=environment, cwd=ROOT, capture_output=True, text=True, check=True)
    assert made.stdout == "[]\n"
