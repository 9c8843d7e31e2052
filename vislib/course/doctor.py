"""``python -m vislib doctor`` checks this machine, ``fetch resnet18`` gets weights, ``lab`` opens the notebooks in a folder."""

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    *("torch", "torchvision", "timm", "scipy", "scikit-image", "scikit-learn", "mlxtend", "openTSNE", "pandas"),
    *("matplotlib", "jupyterlab", "ipywidgets", "anywidget", "fsrs"),
)


def doctor() -> int:
    """Print what the course needs and finds; return the number of problems."""
    problems: list[str] = []
    for title, check in (
        ("Python", _python),
        ("packages", _packages),
        ("device", _device),
        ("machine", _machine),
        ("models", _models),
        ("photos", _photos),
        ("forward pass", _forward),
    ):
        try:
            print(f"{title:13} {check()}", flush=True)
        except Exception as error:  # each line stands alone: one broken part must not hide the others
            print(f"{title:13} problem", flush=True)
            problems.append(f"{title}: {_one_line(error)}")
    for problem in problems:
        print(f"  problem with {problem}")
    print("ready" if not problems else f"not ready: {len(problems)} to mend, see above")
    return len(problems)


def _python() -> str:
    return f"{platform.python_version()} on {platform.system()}"


def _packages() -> str:
    found, missing = [], []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        raise RuntimeError(f"{', '.join(missing)} not installed; install the course again, as its README says")
    return ", ".join(found)


def _device() -> str:
    from vislib import device

    return f"{device()}"


def _machine() -> str:
    import psutil

    return f"{os.cpu_count()} cores, {psutil.virtual_memory().total / 2**30:.0f} GiB of memory"


def _models() -> str:
    from vislib import models

    here: list[str] = []
    missing: list[str] = []
    for name in (*models.EMBEDDED, "resnet18", "vgg16"):
        try:
            (here if models.weights_file(name).exists() else missing).append(name)
        except ModuleNotFoundError:
            missing.append(name)
    if models.DEFAULT not in here:
        raise RuntimeError(f"the weights of {models.DEFAULT} are missing; install the course again, as its README says")
    return ", ".join(here) + (f" (not here, and not needed: {', '.join(missing)})" if missing else "")


def _photos() -> str:
    from vislib.data import PHOTOS, photo

    for name in PHOTOS:
        photo(name)
    return f"{', '.join(PHOTOS)}"


def _forward() -> str:
    from vislib import data, models

    model = models.load()
    image = model.preprocess(data.photo("cameraman"))
    [[(name, probability)]] = model.top(image, k=1)  # the first pass warms up
    start = time.perf_counter()
    model.top(image, k=1)
    return (
        f"{1000 * (time.perf_counter() - start):.0f} ms with {model.name}; the cameraman is a {name}, {probability:.2f}"
    )


def _fetch(names: Sequence[str]) -> int:
    from vislib import models

    for name in names:
        try:
            print(f"{name}: {models.fetch(name)}")
        except (ValueError, RuntimeError, ModuleNotFoundError) as error:
            print(_one_line(error), file=sys.stderr)
            return 1
    return 0


def _one_line(error: Exception) -> str:
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code."""
    started = Path(sys.argv[0])
    program = "interpreting-vision" if started.stem == "interpreting-vision" else "python -m vislib"
    parser = argparse.ArgumentParser(
        prog=program, description="Check this machine, fetch weights, or open the notebooks."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("doctor", help="check this machine")
    fetch = commands.add_parser("fetch", help="download the weights of torchvision networks")
    fetch.add_argument("names", nargs="+", metavar="NAME", help="such as resnet18")
    lab = commands.add_parser("lab", help="copy the notebooks into a folder and open them in JupyterLab")
    lab.add_argument(
        "folder",
        nargs="?",
        type=Path,
        default=Path("interpreting-vision"),
        help="where the copies go, %(default)s unless given; what you changed there stays; more options are JupyterLab's",
    )
    options, rest = parser.parse_known_args(arguments)
    if rest and options.command != "lab":  # JupyterLab has options of its own
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    run: dict[str, Callable[[], int]] = {
        "doctor": doctor,
        "fetch": lambda: _fetch(options.names),
        "lab": lambda: _lab(options.folder, rest),
    }
    return 1 if run[options.command]() else 0


def _lab(folder: Path, arguments: Sequence[str]) -> int:
    from vislib.course.lab import lab

    try:
        return lab(folder, arguments)
    except OSError as error:
        print(error, file=sys.stderr)
        return 1
