"""JavaScript that slides and site need without a network: npm packages, fetched once.

Their versions are in package.json, their hashes in package-lock.json; nothing of them is committed.
"""

import shutil
import subprocess
import sys
from pathlib import Path

TOOLS = Path(__file__).resolve().parent
ROOT = TOOLS.parent
BUILD = ROOT / "build"

# Package -> which of its files a page may load: by their paths, or those of their folders.
WANTED = {
    "mathjax": ("LICENSE", "es5/tex-svg.js"),  # draws formulas as SVG: one file, no fonts
    "reveal.js": (
        "LICENSE",
        "dist/reveal.js",
        "dist/reveal.css",
        "dist/theme/white.css",
        "dist/theme/fonts/source-sans-pro",
        "plugin/notes/notes.js",
    ),
}


def fetched(lock: Path = TOOLS / "package-lock.json", folder: Path = BUILD / "npm") -> Path:
    """Return the folder of the packages that a lock file names, their hashes checked by npm when they were fetched.

    Raises:
        SystemExit: in one sentence, if npm is missing, fails, or is sent something else.
    """
    done = folder / "fetched.json"
    if not done.exists() or done.read_bytes() != lock.read_bytes():
        npm = shutil.which("npm")
        if npm is None:
            sys.exit("npm is not installed; install Node.js, whose npm fetches reveal.js and MathJax once.")
        folder.mkdir(parents=True, exist_ok=True)
        for file in (lock, lock.with_name("package.json")):
            shutil.copy(file, folder)
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        if subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL).returncode:
            sys.exit(f"npm could not fetch what {lock.name} names, see above; is there a network?")
        shutil.copy(lock, done)
    return folder / "node_modules"


def copy(name: str, target: Path) -> None:
    """Write the wanted files of a package below `target`."""
    package = fetched() / name
    for wanted in WANTED[name]:
        (target / wanted).parent.mkdir(parents=True, exist_ok=True)
        if (package / wanted).is_dir():
            shutil.copytree(package / wanted, target / wanted, dirs_exist_ok=True)
        else:
            shutil.copy(package / wanted, target / wanted)
