"""`make release-check`: a filled copy of the repository passes, each thing that is missing is one sentence."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tools import release

VERSION = "1.2.3"


def _git(root: Path, *arguments: str) -> None:
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *who, *arguments], cwd=root, check=True, capture_output=True)


def _change(root: Path, name: str, old: str, new: str, commit: bool = True) -> None:
    path = root / name
    text = path.read_text(encoding="utf-8")
    assert re.search(old, text), f"{name} has no {old!r}"
    path.write_text(re.sub(old, lambda _: new, text, count=1), encoding="utf-8")
    if commit:
        _git(root, "commit", "-qam", "changed")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The pages of this repository in a repository of their own, as they are."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "*.md", "*.cff", ".github", "pyproject.toml"],
        cwd=release.ROOT,
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    root = tmp_path / "copy"
    for name in listed.stdout.splitlines():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(release.ROOT / name, root / name)
    _git(root.parent, "init", "-q", str(root))
    _git(root, "add", "-A")
    _git(root, "commit", "-qm", "first")
    return root


@pytest.fixture
def filled(copy: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, with all that a release needs; the tables are looked at apart."""
    monkeypatch.setattr(release, "stale", lambda: iter(()))
    assert release.rename("me/my-course.2", copy) >= 1
    for name, old, new in (
        ("CITATION.cff", r"authors:\n(?: .*\n)+", 'authors:\n  - name: "Ada Lovelace"\n'),
        ("CITATION.cff", r"(?m)^version: .*", f"version: {VERSION}"),
        ("pyproject.toml", r"(?m)^version = .*", f'version = "{VERSION}"'),
    ):
        _change(copy, name, old, new, commit=False)
    _change(copy, "CHANGELOG.md", r"## \[.*", f"## [{VERSION}] - 2031-02-28")
    return copy


def test_a_filled_copy_lacks_nothing(filled: Path) -> None:
    assert release.problems(filled) == []


def test_the_name_is_the_same_everywhere_and_can_be_changed_again(filled: Path) -> None:
    assert release.rename("you/yours", filled) >= 3
    assert not any("me/my-course.2" in text for _, text in release._pages(filled))
    citation = yaml.safe_load((filled / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["repository-code"] == "https://github.com/you/yours"
    assert "git+https://github.com/you/yours\n" in (filled / "docs" / "online.md").read_text(encoding="utf-8")


def test_a_name_that_is_none_is_refused_and_nothing_is_written(copy: Path) -> None:
    before = dict(release._pages(copy))
    with pytest.raises(ValueError, match=r"is 'https://github\.com/a/b'; expected one like owner/name"):
        release.rename("https://github.com/a/b", copy)
    assert dict(release._pages(copy)) == before


LACKS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "a page with the placeholder": (
        lambda root: _change(root, "docs/report.md", r"me/my-course\.2", release.REPOSITORY),
        r"^docs/report\.md say OWNER/REPOSITORY; expected the repository's name; run: ",
    ),
    "a form with the placeholder": (
        lambda root: _change(root, ".github/ISSUE_TEMPLATE/config.yml", r"me/my-course\.2", release.REPOSITORY),
        r"^\.github/ISSUE_TEMPLATE/config\.yml say OWNER/REPOSITORY",
    ),
    "placeholders for authors": (
        lambda root: _change(root, "CITATION.cff", "Ada Lovelace", release.AUTHORS),
        "^CITATION.cff names no authors; expected ",
    ),
    "no authors": (
        lambda root: _change(root, "CITATION.cff", r"authors:\n.*\n", ""),
        "^CITATION.cff names no authors; expected ",
    ),
    "another version in the citation": (
        lambda root: _change(root, "CITATION.cff", f"version: {VERSION}", "version: 0.9"),
        f"^CITATION.cff has the version 0.9; expected {VERSION}",
    ),
    "another version in the changelog": (
        lambda root: _change(root, "CHANGELOG.md", r"\[1\.2\.3\]", "[Unreleased]"),
        f"^CHANGELOG.md begins with the release Unreleased; expected {VERSION}",
    ),
    "no date": (
        lambda root: _change(root, "CHANGELOG.md", "2031-02-28", "unreleased"),
        f"^CHANGELOG.md dates {VERSION} 'unreleased'; expected a day",
    ),
    "a day that is none": (
        lambda root: _change(root, "CHANGELOG.md", "2031-02-28", "2031-02-29"),
        f"^CHANGELOG.md dates {VERSION} '2031-02-29'; expected a day",
    ),
    "a change that is not committed": (
        lambda root: _change(root, "README.md", "#", "##", commit=False),
        "^1 files are not committed, such as README.md; expected a clean tree",
    ),
    "a file that is in no commit": (
        lambda root: (root / "notes.txt").touch(),
        "^1 files are not committed, such as notes.txt",
    ),
}


@pytest.mark.parametrize("name", LACKS)
def test_what_is_missing_is_one_sentence(name: str, filled: Path) -> None:
    spoil, said = LACKS[name]
    spoil(filled)
    [problem] = release.problems(filled)
    assert re.search(said, problem), problem
    assert "\n" not in problem


def test_tables_of_older_code_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    name = next(iter(release.RECIPES))

    class Changed:
        def hash(self) -> str:
            return "another"

    monkeypatch.setattr(release, "RECIPES", {name: Changed()})
    monkeypatch.setattr(release, "PAGES", ())
    assert list(release.stale()) == [f"the table {name} was made by older code; run: python -m experiments {name}"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("No block at all.\n", False),
        ("<!-- headline: occlusion -->\nA thousand times as fast.\n<!-- end -->\n", True),
        ("*The present code has not been measured yet; run it.*\n", True),
    ],
)
def test_a_page_that_states_other_times_than_the_tables_is_named(
    text: str, said: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.md"
    page.write_text(text, encoding="utf-8")
    monkeypatch.setattr(release, "RECIPES", {})
    monkeypatch.setattr(release, "PAGES", (page,))
    monkeypatch.setattr(release, "above", lambda page: "")
    assert any("page.md does not state the times" in problem for problem in release.stale()) == said


def test_the_command_fails_where_something_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(release, "problems", lambda: ["one thing", "another"])
    assert release.main([]) == 1
    assert capsys.readouterr().out == "one thing\nanother\n"
    monkeypatch.setattr(release, "problems", list)
    assert release.main([]) == 0
    assert release.main(["no name"]) == 1
    assert "expected one like owner/name" in capsys.readouterr().err
