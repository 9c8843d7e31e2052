"""``python -m vislib lab``: the notebooks in a folder of one's own, from the repository and from a wheel."""

import subprocess
import sys
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
    assert opened == [[sys.executable, "-m", "jupyterlab", str(folder / lab.FIRST), "--no-browser", "--port=8899"]]


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


@pytest.mark.slow
def test_a_wheel_holds_all_that_the_notebooks_need(tmp_path: Path) -> None:
    """Installed beside this environment's packages and run outside the repository, its first notebook runs."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    subprocess.run([*pip, "wheel", "--no-deps", "-w", str(tmp_path), str(ROOT)], check=True)
    [wheel] = tmp_path.glob("*.whl")
    place = tmp_path / "site"
    subprocess.run([*pip, "install", "--no-deps", "--target", str(place), str(wheel)], check=True)
    code = (
        "import sys, nbformat; sys.path.insert(0, sys.argv[1]); from pathlib import Path; from nbclient import NotebookClient;"
        "import vislib; assert vislib.__file__.startswith(sys.argv[1]), vislib.__file__;"
        "from vislib.course import lab, results; lab.copied(Path('mine')); assert len(results.stored('price'));"
        "[NotebookClient(nbformat.read(p, 4), timeout=300, resources={'metadata': {'path': 'mine'}}).execute()"
        " for p in sorted(Path('mine').glob('00*.ipynb'))]"
    )
    environment = {"PYTHONPATH": str(place), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "VISLIB_PROGRESS": "off"}
    subprocess.run([sys.executable, "-c", code, str(place)], cwd=tmp_path, env=environment, check=True)
