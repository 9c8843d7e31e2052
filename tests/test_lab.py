"""``python -m vislib lab``: the notebooks in a folder of one's own, from the repository and from a wheel."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path
from typing import Any

import pytest

from vislib.course import doctor, lab

ROOT = Path(__file__).resolve().parent.parent
NAMES = sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What would have been started."""
    commands: list[list[str]] = []

    def run(command: list[str], **options: Any) -> Any:
        commands.append(command)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(lab.subprocess, "run", run)
    return commands


def test_the_notebooks_are_copied_and_opened(tmp_path: Path, opened: list[list[str]]) -> None:
    folder = tmp_path / "my course"
    assert doctor.main(["lab", str(folder), "--no-browser", "--port=8899"]) == 0
    assert sorted(path.name for path in folder.glob("*.ipynb")) == NAMES
    assert list((folder / "map").glob("*.svg"))
    [[*command]] = opened
    assert command[:3] == [sys.executable, "-m", "jupyterlab"]
    assert command[-3:] == [str(folder / lab.FIRST), "--no-browser", "--port=8899"]


@pytest.mark.parametrize(("user", "told"), [(0, True), (1000, False), (None, False)])
def test_only_root_is_let_in_as_root(
    user: int | None, told: bool, tmp_path: Path, opened: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "geteuid", raising=False)  # Windows has none
    if user is not None:
        monkeypatch.setattr(os, "geteuid", lambda: user, raising=False)
    doctor.main(["lab", str(tmp_path)])
    assert ("--allow-root" in opened[0]) == told


def test_what_a_learner_has_written_stays(
    tmp_path: Path, opened: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / NAMES[3]).write_text("mine")
    assert doctor.main(["lab", str(tmp_path)]) == 0
    assert (tmp_path / NAMES[3]).read_text() == "mine"
    assert "1 of the notebooks" in capsys.readouterr().out
    assert sorted(path.name for path in tmp_path.glob("*.ipynb")) == NAMES


@pytest.mark.parametrize("fault", ["a file in the way", "no notebooks"])
def test_what_cannot_be_done_is_one_sentence(
    fault: str,
    tmp_path: Path,
    opened: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "there").write_text("")
    if fault == "no notebooks":
        monkeypatch.setattr(lab, "SOURCES", (tmp_path / "nowhere",))
    assert doctor.main(["lab", str(tmp_path / ("there" if fault == "a file in the way" else "new"))]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert ("is a file; expected a folder" if fault == "a file in the way" else "holds no notebooks") in said
    assert opened == []


def test_options_of_jupyterlab_are_not_taken_by_other_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        doctor.main(["doctor", "--port=1"])
    assert "unrecognized arguments: --port=1" in capsys.readouterr().err


def _unpacked(folder: Path) -> None:
    """Write into a folder what `pip install` of the wheel would, as pyproject.toml describes the wheel."""
    target = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]["targets"][
        "wheel"
    ]
    without = [ROOT / name for name in target["exclude"]]
    moves = {name: name for name in target["packages"]} | target["force-include"]
    for source, place in moves.items():
        for file in (ROOT / source).rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts and not any(map(file.is_relative_to, without)):
                copy = folder / place / file.relative_to(ROOT / source)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, copy)


# What the notebooks open, each found by the part of the course that opens it.
OPENED = """
import sys
from pathlib import Path

import vislib
assert Path(vislib.__file__).is_relative_to(sys.argv[1]), vislib.__file__
import flashcards
from vislib import data, models
from vislib.course import lab, results

kept = lab.copied(Path("mine"))
assert kept == [], kept
names = sorted(path.stem for path in Path("mine").glob("*.ipynb"))
for name in names:
    flashcards.quiz(name)
flashcards.exam()
tables = list(results.FOLDER.rglob("*.json"))
assert tables
for table in tables:
    results.read(table.relative_to(results.FOLDER).with_suffix("").as_posix())
for photograph in data.PHOTOS:
    data.photo(photograph)
models.load()
assert not (Path(flashcards.__file__).parent / "keys").exists()
print(*names)
"""


def _environment(folder: Path) -> dict[str, str]:
    """Return the environment of somebody who has no checkout, and a home in this folder."""
    named = ("PYTHONPATH", "VISLIB_", "XDG_", "JUPYTER", "IPYTHON")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(named)}
    return kept | {"HOME": str(folder), "USERPROFILE": str(folder), "LOCALAPPDATA": str(folder)}


def test_the_wheel_leaves_out_the_keys_of_exams_and_nothing_else(tmp_path: Path) -> None:
    """Decks, exams, tables, weights, pictures and scripts: whatever lies in the packages here."""
    _unpacked(tmp_path)
    there = {file.relative_to(tmp_path).as_posix() for file in tmp_path.rglob("*") if file.is_file()}
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "vislib", "flashcards", "experiments"],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    wanted = {name for name in listed.stdout.splitlines() if (ROOT / name).exists()}
    missing = wanted - there
    assert missing
    assert all(name.startswith("flashcards/keys/") for name in missing), missing
    assert {f"vislib/course/notebooks/{name}" for name in NAMES} <= there


def test_outside_of_the_repository_the_course_finds_all_that_the_notebooks_open(tmp_path: Path) -> None:
    place, home = tmp_path / "installed", tmp_path / "home"
    home.mkdir()
    _unpacked(place)
    run = [sys.executable, "-c", OPENED, str(place)]
    environment = _environment(home) | {"PYTHONPATH": str(place)}
    ran = subprocess.run(run, cwd=home, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split() == [name.removesuffix(".ipynb") for name in NAMES]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel in an environment of its own, beside the packages of this one; its Python."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    subprocess.run([*pip, "wheel", "--no-deps", "-w", str(folder), str(ROOT)], check=True)
    [wheel] = folder.glob("*.whl")
    venv.create(folder / "venv", symlinks=os.name != "nt")
    [python] = [
        p for p in (folder / "venv" / "bin" / "python", folder / "venv" / "Scripts" / "python.exe") if p.exists()
    ]
    place = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    subprocess.run([*pip, "install", "--no-deps", "--target", place, str(wheel)], check=True)
    # A .pth file that is named in another one is not read: this environment's editable course stays out.
    Path(place, "others.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    return python


RUN = """
import sys
from pathlib import Path

import nbformat
import vislib
from nbclient import NotebookClient
from vislib.course import lab

assert Path(vislib.__file__).is_relative_to(sys.prefix), vislib.__file__
lab.copied(Path("mine"))
notebook = nbformat.read(Path("mine", sys.argv[1]), as_version=4)
NotebookClient(notebook, timeout=300, resources={"metadata": {"path": "mine"}}).execute()
outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
assert outputs
failed = [output.evalue for output in outputs if output.output_type == "error"]  # what cannot show itself stops no cell
assert failed == [], failed
"""


@pytest.mark.slow
@pytest.mark.timeout(1800)  # two notebooks take minutes, and all cores may be busy
@pytest.mark.parametrize("name", NAMES)
def test_from_its_wheel_a_notebook_runs_in_a_folder_of_ones_own(name: str, installed: Path, tmp_path: Path) -> None:
    environment = _environment(tmp_path) | {"VISLIB_PROGRESS": str(tmp_path / "progress.sqlite")}
    ran = subprocess.run(
        [installed, "-c", RUN, name], cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8"
    )
    assert ran.returncode == 0, ran.stderr
