"""A real JupyterLab in headless Chromium, with everything it keeps in a temporary folder and no way out to the network.

Fixtures: `lab` (one server for the whole run), `open_notebook(cells or path, theme=...)` (a `Notebook` per call, in a page
of JupyterLab that the next test uses again). After each test it is asserted that nothing but the loopback was asked for
and that the page raised no error. Nothing waits for a time, everything for a state.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import nbformat
import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Locator, Page, expect, sync_playwright

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
START = 90  # seconds: a cold JupyterLab on a busy machine
THEMES = ("JupyterLab Light", "JupyterLab Dark")
ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Lab:
    """A running JupyterLab."""

    url: str
    folder: Path
    progress: Path  # the file of the flashcards; removed before every test
    session: str = ""  # the warm kernel's, see `open_notebook`

    def move_session(self, path: str) -> None:
        """Let the warm kernel belong to the notebook of this path, so that JupyterLab finds it there."""
        facts = {"path": path, "name": path, "type": "notebook"}
        if self.session:
            try:
                self._ask(f"sessions/{self.session}", "PATCH", facts)
            except urllib.error.HTTPError as error:
                if error.code != 404:  # gone with a notebook of the same name that was opened without `warm`
                    raise
            else:
                return
        self.session = self._ask("sessions", "POST", facts | {"kernel": {"name": "python3"}})["id"]

    def _ask(self, what: str, method: str, facts: dict[str, Any]) -> dict[str, Any]:
        headers = {"Content-Type": "application/json"}
        url, data = f"{self.url}/api/{what}", json.dumps(facts).encode()
        with urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method), timeout=START) as answer:
            return dict(json.load(answer))


@dataclass
class Notebook:
    """A notebook in an open page. Drives JupyterLab by its commands, and looks at what a reader sees."""

    page: Page
    lab: Lab
    path: str
    warm: bool = False
    errors: list[str] = field(default_factory=list)

    def command(self, name: str, wait: bool = True) -> None:
        """Carry out a command of JupyterLab."""
        start = "await " if wait else ""
        self.page.evaluate(f"async (name) => {{ await {_CURRENT}; {start}jupyterapp.commands.execute(name); }}", name)

    def close(self) -> None:
        """Close the notebook, and what was opened from it, without saving; end every kernel but a warm one."""
        self.page.evaluate(
            """async (warm) => {
                for (const shown of [...jupyterapp.shell.widgets("main")]) {
                    if (shown !== panel || !warm) await shown.sessionContext?.shutdown();
                    shown.dispose();
                }
            }""",
            self.warm,
        )

    def run_all(self) -> None:
        """Run every cell and wait until the kernel has answered."""
        self.command("notebook:run-all-cells")

    def run_cell(self, index: int) -> None:
        """Run one cell, as Ctrl+Enter does."""
        self.page.evaluate(
            f"""async (i) => {{
                await {_CURRENT};
                panel.content.activeCellIndex = i;
                panel.content.deselectAll();
                await jupyterapp.commands.execute("notebook:run-cell");
            }}""",
            index,
        )

    def restart(self) -> None:
        """Restart the kernel without asking, and wait until it is ready again."""
        self.page.evaluate(
            """async () => {
                const { kernel } = panel.sessionContext.session;
                await kernel.restart();
                await kernel.info;
            }"""
        )

    def sources(self) -> list[str]:
        """The text of every cell, as it stands in the notebook now."""
        script = "() => [...panel.content.model.cells].map((c) => c.sharedModel.getSource())"
        return list(self.page.evaluate(script))

    def outputs(self, index: int) -> list[dict[str, Any]]:
        """The outputs of a code cell."""
        script = "(i) => panel.content.model.cells.get(i).outputs.toJSON()"
        return list(self.page.evaluate(script, index))

    def theme(self, name: str) -> None:
        """Change the theme: "JupyterLab Light" or "JupyterLab Dark"."""
        self.page.evaluate("(theme) => jupyterapp.commands.execute('apputils:change-theme', { theme })", name)
        light = "false" if "Dark" in name else "true"
        self.page.wait_for_selector(f"body[data-jp-theme-light='{light}']", state="attached")
        self.page.wait_for_function(_PAINTED, arg="Dark" in name)

    def card(self, number: int = 0) -> Locator:
        """A flashcard on the page, once its keys work."""
        card = self.page.locator(".fc-card[role=group]").nth(number)
        card.wait_for()
        return card

    def expect_focus(self, in_card: bool = True) -> None:
        """Wait until the keyboard is in a flashcard, or in none."""
        script = "(wanted) => (document.activeElement?.closest('.fc-card') != null) === wanted"
        self.page.wait_for_function(script, arg=in_card)


# Commands go to the widget that is current, and to be opened is not yet to be that.
_CURRENT = """(async () => {
    while (jupyterapp.shell.currentWidget !== panel) {
        jupyterapp.shell.activateById(panel.id);
        await new Promise((next) => setTimeout(next, 20));
    }
})()"""

_PAINTED = """(dark) => {
    const [red] = getComputedStyle(document.querySelector(".jp-NotebookPanel")).backgroundColor.match(/\\d+/g);
    return (red < 100) === dark;
}"""


def until(condition: Callable[[], Any]) -> None:
    """Wait for a state that no page shows: a file, a server."""
    end = time.monotonic() + START
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)  # between two looks


def chromium_or_skip() -> str:
    """The browser's path; without one the test is skipped, but fails where `CI` is true."""
    if shutil.which(CHROMIUM):
        return CHROMIUM
    reason = f"no Chromium at {CHROMIUM}; install it or set CHROMIUM to its path"
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One headless Chromium."""
    path = chromium_or_skip()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def outside() -> list[str]:
    """The addresses beyond the loopback that were asked for, and refused."""
    return []


@pytest.fixture(scope="session")
def context(browser: Browser, outside: list[str]) -> Iterator[BrowserContext]:
    """One profile for all tests, so that JupyterLab's scripts come out of its cache."""
    context = browser.new_context(reduced_motion="reduce")
    context.set_default_timeout(START * 1000)
    expect.set_options(timeout=START * 1000)

    def note(url: str) -> None:
        address = urlsplit(url)
        if address.hostname not in (None, "127.0.0.1"):  # data: and blob: have no host
            outside.append(url)

    # The browser resolves no other host (FLAGS); intercepting requests would switch off its cache.
    context.on("request", lambda request: note(request.url))
    context.on("page", lambda page: page.on("websocket", lambda socket: note(socket.url)))
    yield context
    context.close()


@pytest.fixture(scope="session")
def lab(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One JupyterLab that keeps its settings, its notebooks and the learner's progress in a temporary folder."""
    home = tmp_path_factory.mktemp("lab")
    names = ("config", "data", "runtime", "settings", "workspaces", "ipython", "root")
    folders = {name: home / name for name in names}
    for folder in folders.values():
        folder.mkdir()
    news = folders["settings"] / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    news.parent.mkdir(parents=True)
    news.write_text(json.dumps({"fetchNews": "false", "checkForUpdates": False}))
    (folders["config"] / "labconfig").mkdir()  # nothing is built here, so nobody need ask Node.js whether it should be
    (folders["config"] / "labconfig" / "page_config.json").write_text(json.dumps({"buildCheck": False}))
    progress = home / "progress" / "progress.sqlite"
    environment = os.environ | {
        "HOME": str(home),
        "JUPYTER_CONFIG_DIR": str(folders["config"]),
        "JUPYTER_DATA_DIR": str(folders["data"]),
        "JUPYTER_RUNTIME_DIR": str(folders["runtime"]),
        "JUPYTERLAB_SETTINGS_DIR": str(folders["settings"]),
        "JUPYTERLAB_WORKSPACES_DIR": str(folders["workspaces"]),
        "IPYTHONDIR": str(folders["ipython"]),
        "VISLIB_PROGRESS": str(progress),
        "VISLIB_PHOTO": str(home / "mine.png"),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")])),
    }
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}"),
        *(
            "--IdentityProvider.token=",
            "--ServerApp.disable_check_xsrf=True",  # Lab.move_session asks without a browser
            f"--ServerApp.root_dir={folders['root']}",
            "--LabApp.expose_app_in_browser=True",
        ),
    ]
    with (home / "lab.log").open("wb") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT, cwd=home)
        try:
            until(lambda: server.poll() is not None or _answers(f"{url}/api"))
            assert server.poll() is None, (home / "lab.log").read_text(errors="replace")[-2000:]
            yield Lab(url, folders["root"], progress)
        finally:
            server.terminate()
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()


@pytest.fixture(scope="session")
def pages() -> list[Page]:
    """The pages of JupyterLab in which no notebook is open; to load one takes longer than most tests."""
    return []


@pytest.fixture
def open_notebook(
    lab: Lab, context: BrowserContext, pages: list[Page], outside: list[str]
) -> Iterator[Callable[..., Notebook]]:
    """Open a notebook, given as a list of code cells or as a path that is copied; several may be open.

    With `warm`, in the kernel of the last notebook that was opened so, where PyTorch is imported already.
    """
    shutil.rmtree(lab.progress.parent, ignore_errors=True)
    (lab.folder.parent / "mine.png").unlink(missing_ok=True)
    opened: list[Notebook] = []
    listeners: list[Callable[[Error], None]] = []

    def open_(
        content: list[str] | Path,
        *,
        theme: str = "JupyterLab Light",
        width: int = 1200,
        height: int = 1000,
        warm: bool = False,
    ) -> Notebook:
        name = f"notebook_{time.monotonic_ns()}.ipynb" if isinstance(content, list) else content.name
        target = lab.folder / name
        if isinstance(content, list):
            cells = [nbformat.v4.new_code_cell(source) for source in content]
            kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
            nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), target)
        else:
            shutil.copy(content, target)
        if warm:
            lab.move_session(name)
        page = pages.pop() if pages else _new_page(lab, context)
        page.set_viewport_size({"width": width, "height": height})
        notebook = Notebook(page, lab, name, warm)
        opened.append(notebook)
        listeners.append(lambda error: notebook.errors.append(str(error)))
        page.on("pageerror", listeners[-1])
        # A dialog (a notebook that names no kernel, say) would keep this waiting for ever.
        page.evaluate(
            """async ([path, seconds]) => {
                const late = new Promise((_, no) => setTimeout(() => no(new Error("no kernel")), seconds * 1000));
                await Promise.race([late, (async () => {
                    window.panel = await jupyterapp.commands.execute("docmanager:open", { path, factory: "Notebook" });
                    await panel.context.ready;
                    await panel.sessionContext.ready;
                    await panel.sessionContext.session.kernel.info;
                })()]);
            }""",
            [name, START],
        )
        notebook.theme(theme)
        return notebook

    yield open_
    for notebook, listener in zip(opened, listeners, strict=True):
        with contextlib.suppress(Error):  # the test may have closed the page
            notebook.close()
            notebook.page.remove_listener("pageerror", listener)
            if not notebook.errors and not notebook.page.locator(".jp-Dialog").count():
                pages.append(notebook.page)
                continue
        notebook.page.close()
    assert outside == []
    assert [error for notebook in opened for error in notebook.errors] == []


def _new_page(lab: Lab, context: BrowserContext) -> Page:
    page = context.new_page()
    page.goto(f"{lab.url}/lab?reset")
    page.wait_for_function("() => window.jupyterapp?.restored.then(() => true)")
    # Two panels leave little room for a notebook; a reader of a course would close the file browser too.
    page.evaluate("() => jupyterapp.shell.collapseLeft()")
    return page


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=START):
            return True
    except OSError:
        return False
