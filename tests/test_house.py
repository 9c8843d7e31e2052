"""The house is in order: one set of versions everywhere, everything in the wheel, and arrows that point one way."""

import os
import re
import shlex
import shutil
import subprocess
import sys
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
    """Hatch takes every file of the named packages that git does not ignore, but for the keys of exams."""
    wheel = {
        "packages": ["vislib", "flashcards", "experiments"],
        "exclude": ["flashcards/keys"],
        "force-include": {"notebooks": "vislib/course/notebooks"},
    }
    assert PROJECT["tool"]["hatch"] == {"build": {"targets": {"wheel": wheel}}}
    ignored = GitIgnoreSpec.from_lines((ROOT / ".gitignore").read_text(encoding="utf-8").splitlines())
    files = [
        path.relative_to(ROOT).as_posix()
        for package in ("vislib", "flashcards", "experiments")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    ]
    wanted = "flashcards/decks/04_occlusion.md", "card.js", "vislib/explain.py", "experiments/tables/weights.json"
    assert all(any(file.endswith(end) for file in files) for end in wanted)
    assert [file for file in files if ignored.match_file(file)] == []


# ---- arrows ----

# A wrong import, and the contract of pyproject.toml that it breaks.
WRONG = {
    "upward": ("vislib/fills.py", "from vislib.occlusion import occlusion", "contract, networks and data"),
    "a circle in a folder": ("vislib/roar/removal.py", "from vislib.roar.benchmark import roar", "No circle"),
    "in a function": ("vislib/nets.py", "def f():\n    from vislib import training", "contract, networks and data"),
    "a method in an evaluation": ("vislib/roar/sweep.py", "import vislib.gradients as g", "Evaluations do not import methods"),
    "the experiments": ("vislib/course/results.py", "from experiments import RECIPES", "knows nothing of the experiments"),
    "flashcards": ("vislib/course/results.py", "from flashcards import quiz", "do not know flashcards"),
    "upward in flashcards": ("flashcards/model.py", "from flashcards import collection", "model, parsing and scheduler"),
    "PyTorch in flashcards": ("flashcards/model.py", "import torch", "neither vislib nor PyTorch"),
}  # fmt: skip


def _lint_imports(root: Path) -> tuple[int, str]:
    """Run `lint-imports` on the packages in a folder; return its exit status and what it said, on one line."""
    script = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    ran = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True)
    return ran.returncode, " ".join((ran.stdout + ran.stderr).split())


def test_arrows_point_down() -> None:
    status, said = _lint_imports(ROOT)
    assert status == 0, said


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_arrow_is_refused(name: str, tmp_path: Path) -> None:
    file, wrong, contract = WRONG[name]
    for package in ("vislib", "flashcards", "experiments"):
        for path in (ROOT / package).rglob("*.py"):
            copy = tmp_path / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / file).open("a") as opened:
        opened.write(f"\n{wrong}\n")
    status, said = _lint_imports(tmp_path)
    assert status == 1
    broken = re.findall(r"\b(\w[^.]*?) BROKEN", said.split("dependencies.")[1].replace("KEPT", "."))
    assert any(contract in name for name in broken), broken


# ---- beside the code ----


def test_the_citation_says_what_the_project_file_says() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = PROJECT["project"]
    for theirs, ours in (("version", "version"), ("license", "license"), ("abstract", "description")):
        assert str(citation[theirs]) == project[ours]
    assert citation["authors"] == project["authors"]
    assert citation["keywords"] == project["keywords"]


WORKFLOWS: dict[str, dict[str, Any]] = {
    path.stem: yaml.safe_load(path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / ".github" / "workflows").glob("*.yml"))
}
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.M))


def _steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def _made(workflow: dict[str, Any]) -> set[str]:
    """The targets that a workflow makes, by its matrix too."""
    rows = [
        row["make"]
        for job in workflow["jobs"].values()
        for row in job.get("strategy", {}).get("matrix", {}).get("include", [])
    ]
    runs = [step.get("run", "") for step in _steps(workflow)]
    lines = [line for run in runs for line in re.findall(r"\bmake ([a-z].*)$", run, flags=re.M)]
    return {word for line in [*rows, *lines] for word in line.split() if "=" not in word}


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_makes_what_the_makefile_has(name: str) -> None:
    assert _made(WORKFLOWS[name])
    assert _made(WORKFLOWS[name]) <= TARGETS


def test_a_target_that_is_not_there_is_seen_wherever_a_workflow_names_it() -> None:
    steps = [{"run": "cd x\nCHROMIUM=$(which y) make unit gone A=1"}, {"uses": "a"}, {"run": "make ${{ matrix.make }}"}]
    job = {"strategy": {"matrix": {"include": [{"make": "test lost"}]}}, "steps": steps}
    assert _made({"jobs": {"a": job}}) - TARGETS == {"gone", "lost"}


def test_the_makefile_names_as_phony_what_it_makes() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.+)$", text, flags=re.M)
    assert phony is not None
    assert set(phony[1].split()) == TARGETS


def test_the_workflows_test_the_oldest_python_three_systems_and_everything() -> None:
    matrix = WORKFLOWS["test"]["jobs"]["test"]["strategy"]["matrix"]["include"]
    oldest = min((row["python"] for row in matrix), key=lambda python: [int(part) for part in python.split(".")])
    assert f">={oldest}" == PROJECT["project"]["requires-python"]
    systems = {"ubuntu-latest", "windows-latest", "macos-latest"}
    assert {row["system"] for row in matrix} == systems
    assert set(WORKFLOWS["monthly"]["jobs"]["newest"]["strategy"]["matrix"]["system"]) == systems
    assert any("CONSTRAINTS=" in step.get("run", "").split() for step in _steps(WORKFLOWS["monthly"]))
    assert _made(WORKFLOWS["weekly"]) == {"test-all"}
    for name, days in (("weekly", r"\d+ \d+ \* \* \d"), ("monthly", r"\d+ \d+ \d+ \* \*")):
        [when] = WORKFLOWS[name][True]["schedule"]  # YAML reads "on" as a yes
        assert re.fullmatch(days, when["cron"])


@pytest.mark.parametrize("name", WORKFLOWS)
def test_an_action_is_pinned_to_a_commit_and_says_its_version(name: str) -> None:
    text = (ROOT / ".github" / "workflows" / f"{name}.yml").read_text(encoding="utf-8")
    lines = re.findall(r"uses: (.*)", text)
    assert len(lines) == sum("uses" in step for step in _steps(WORKFLOWS[name]))
    assert [line for line in lines if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)] == []


def test_dependabot_looks_where_versions_are() -> None:
    updates = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text(encoding="utf-8"))["updates"]
    assert {(u["package-ecosystem"], u["directory"]) for u in updates} == {
        ("pip", "/"),
        ("npm", "/tools"),
        ("github-actions", "/"),
    }


@pytest.mark.parametrize("path", sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("[!c]*.yml")), ids=lambda p: p.stem)
def test_a_form_has_what_github_asks_of_it(path: Path) -> None:
    form = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert form["name"]
    assert form["description"]
    ids = [field["id"] for field in form["body"]]
    assert len(set(ids)) == len(ids)
    assert {field["type"] for field in form["body"]} <= {"input", "textarea"}
    assert all(field["attributes"]["label"] for field in form["body"])


def test_on_colab_what_is_installed_and_what_is_there_are_all_that_the_course_needs() -> None:
    page = (ROOT / "docs" / "online.md").read_text(encoding="utf-8")
    [line] = re.findall(r"^%pip install -q (?!--no-deps)(.*)$", page, flags=re.M)
    needed = {canonicalize_name(Requirement(line).name) for line in REQUIREMENTS["dependencies"]}
    there = {
        "torch", "torchvision", "numpy", "scipy", "scikit-learn", "safetensors", "scikit-image", "matplotlib", "pillow",
        "tqdm", "ipykernel", "markdown-it-py", "platformdirs", "psutil", "pandas",
    }  # fmt: skip
    assert {canonicalize_name(Requirement(word).name) for word in shlex.split(line)} == needed - there - {"jupyterlab"}


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_what_make_starts_keeps_its_compiled_modules() -> None:
    probe = ["make", "-s", "-f", "Makefile", "-f", "-", "probe"]
    rule = 'probe:\n\t@echo "[$$PYTHONDONTWRITEBYTECODE]"\n'
    outer = {"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES"}  # of the make that runs the tests
    environment = {k: v for k, v in os.environ.items() if k not in outer} | {"PYTHONDONTWRITEBYTECODE": "1"}
    made = subprocess.run(probe, input=rule, env=environment, cwd=ROOT, capture_output=True, text=True, check=True)
    assert made.stdout == "[]\n"
