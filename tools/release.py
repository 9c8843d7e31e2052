"""``make release-check`` lists what a release still lacks; ``python -m tools.release you/course`` names the repository.

The name stands in CITATION.cff, and whatever links to the repository has the same one.
"""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

from benchmarks.command import found
from benchmarks.readme import PAGES, above, written
from experiments import RECIPES
from vislib.course.results import read

ROOT = Path(__file__).resolve().parent.parent
REPOSITORY = "OWNER/REPOSITORY"
AUTHORS = "The authors of Interpreting Vision Models"
_ADDRESS = re.compile(r'^repository-code: "https://github\.com/([\w.-]+/[\w.-]+)"$', re.MULTILINE)
_AUTHORS = re.compile(r"^authors:\n((?: .*\n)+)", re.MULTILINE)
_RELEASE = re.compile(r"^## \[([^]]+)\] - (\S+)$", re.MULTILINE)


def problems(root: Path = ROOT) -> list[str]:
    """Return one sentence for each thing that a release still lacks."""
    return [*unnamed(root), *unlike(root), *uncommitted(root), *stale()]


def unnamed(root: Path) -> Iterator[str]:
    """Placeholders: of the repository's name, and of its authors'."""
    holding = [str(path.relative_to(root)) for path, text in _pages(root) if REPOSITORY in text]
    if holding:
        yield (
            f"{', '.join(holding)} say {REPOSITORY}; expected the repository's name; "
            "run: python -m tools.release owner/name, with yours"
        )
    authors = _AUTHORS.search(_text(root, "CITATION.cff"))
    if authors is None or AUTHORS in authors[1]:
        yield "CITATION.cff names no authors; expected those whom a citation should name, there and in pyproject.toml"


def unlike(root: Path) -> Iterator[str]:
    """Versions and dates that differ, or are none."""
    version = tomllib.loads(_text(root, "pyproject.toml"))["project"]["version"]
    cited = re.search(r"^version: (\S+)$", _text(root, "CITATION.cff"), re.MULTILINE)
    if cited is None or cited[1] != version:
        yield f"CITATION.cff has the version {cited and cited[1]}; expected {version}, as in pyproject.toml"
    latest = _RELEASE.search(_text(root, "CHANGELOG.md"))
    if latest is None or latest[1] != version:
        yield f"CHANGELOG.md begins with the release {latest and latest[1]}; expected {version}, as in pyproject.toml"
    elif not _is_date(latest[2]):
        yield f"CHANGELOG.md dates {version} {latest[2]!r}; expected a day such as {date.today()}"


def uncommitted(root: Path) -> Iterator[str]:
    """Files that differ from the last commit, or are in none."""
    changed = _git(root, "status", "--porcelain").splitlines()
    if changed:
        yield f"{len(changed)} files are not committed, such as {changed[0][3:]}; expected a clean tree"


def stale() -> Iterator[str]:
    """Tables that older code has made, and pages that do not say what the tables say."""
    for name, recipe in RECIPES.items():
        if read(name)["hash"] != recipe.hash():
            yield f"the table {name} was made by older code; run: python -m experiments {name}"
    benchmarks = found()
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        if "has not been measured yet" in text or written(text, benchmarks, up=above(page)) != text:
            yield f"{page.name} does not state the times of the present code; run: make bench, on an idle machine"


def rename(name: str, root: Path = ROOT) -> int:
    """Write the repository's name, "owner/name", wherever the present one stands; return in how many files."""
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", name):
        raise ValueError(f"the repository's name is {name!r}; expected one like owner/name")
    present = _ADDRESS.search(_text(root, "CITATION.cff"))
    if present is None:
        raise ValueError('CITATION.cff has no line repository-code: "https://github.com/owner/name"; expected one')
    holding = [(path, text) for path, text in _pages(root) if present[1] in text]
    for path, text in holding:
        path.write_text(text.replace(present[1], name), encoding="utf-8", newline="\n")
    return len(holding)


def _pages(root: Path) -> Iterator[tuple[Path, str]]:
    """What a visitor reads and may name the repository: no code."""
    for name in _git(root, "ls-files", "*.md", "*.cff", ".github").splitlines():
        yield root / name, _text(root, name)


def _text(root: Path, name: str) -> str:
    return (root / name).read_text(encoding="utf-8")


def _git(root: Path, *arguments: str) -> str:
    ran = subprocess.run(["git", *arguments], cwd=root, capture_output=True, encoding="utf-8", check=True)
    return ran.stdout


def _is_date(text: str) -> bool:
    try:
        return bool(date.fromisoformat(text))
    except ValueError:
        return False


def main(arguments: Sequence[str]) -> int:
    """Run the command; return the exit code."""
    if arguments:
        try:
            print(f"{rename(arguments[0])} files name {arguments[0]}")
        except ValueError as error:
            print(error, file=sys.stderr)
            return 1
        return 0
    missing = problems()
    print("\n".join(missing) or "Nothing is missing for a release.")
    return int(bool(missing))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
