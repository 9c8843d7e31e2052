"""What a page loads and where it leads: no address of another machine may be loaded, and no local link be broken."""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# Which attribute of an element makes the browser load something.
LOADS = {
    "audio": ("src",),
    "embed": ("src",),
    "iframe": ("src",),
    "image": ("href", "xlink:href"),
    "img": ("src", "srcset"),
    "input": ("src",),
    "object": ("data",),
    "script": ("src",),
    "source": ("src", "srcset"),
    "track": ("src",),
    "use": ("href", "xlink:href"),
    "video": ("src", "poster"),
}
RELATIONS = {"stylesheet", "icon", "preload", "modulepreload", "prefetch", "preconnect", "dns-prefetch", "manifest"}
IN_CSS = re.compile(r"""url\(\s*["']?([^"')]+)|@import\s+["']([^"']+)""")
IN_SCRIPT = re.compile(r"""(?:\bfrom|\bimport)\s*\(?\s*["'](https?:[^"']+|//[^"']+)""")


class Page(HTMLParser):
    """Collects what one page loads, where it links to, and which places in it can be linked to."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.loads: list[str] = []
        self.links: list[str] = []
        self.places: set[str] = set()
        self.alts: list[str] = []
        self.without_alt: list[str] = []
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self._inside = tag
        given = {name: value or "" for name, value in attributes}
        self.places |= {given[name] for name in ("id", "name") if given.get(name)}
        for name in LOADS.get(tag, ()):
            values = given.get(name, "").split(",") if name == "srcset" else [given.get(name, "")]
            self.loads += [value.split()[0] if name == "srcset" else value for value in values if value.strip()]
        if tag == "link" and RELATIONS & set(given.get("rel", "").split()):
            self.loads.append(given.get("href", ""))
        if tag in ("a", "area") and given.get("href"):
            self.links.append(given["href"])
        if tag == "img":
            self.alts.append(given.get("alt", ""))
        if tag == "img" and not given.get("alt", "").strip() and given.get("role") != "presentation":
            self.without_alt.append(given.get("src", "")[:60])
        self.loads += css(given.get("style", ""))

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "style":
            self.loads += css(data)
        elif self._inside == "script":
            self.loads += IN_SCRIPT.findall(data)


def css(text: str) -> list[str]:
    """Return the addresses that a style sheet loads."""
    return [(address or other).strip() for address, other in IN_CSS.findall(text)]


def problems(folder: Path, later: tuple[str, ...] = ()) -> list[str]:
    """Return what is wrong with a folder's pages, a line each; links to pages named in `later` need not lead anywhere yet."""
    return [
        *(f"loads from elsewhere: {line}" for line in remote(folder)),
        *(f"leads nowhere: {line}" for line in broken(folder) if not line.endswith(later)),
        *(f"has no alt text: {line}" for line in without_alt(folder)),
    ]


def is_remote(address: str) -> bool:
    """Whether an address lies on another machine."""
    return address.strip().lower().startswith(("http:", "https:", "//", "ftp:"))


def remote(folder: Path) -> list[str]:
    """Return "file: address" for everything that the pages and style sheets of a folder load from elsewhere."""
    found = []
    for file in sorted(folder.rglob("*")):
        if file.suffix in (".html", ".css"):
            text = file.read_text(encoding="utf-8", errors="replace")
            loads = Page(text).loads if file.suffix == ".html" else css(text)
            found += [f"{file.relative_to(folder)}: {address}" for address in loads if is_remote(address)]
    return found


# By hand: a link checker (LinkChecker, lychee, hyperlink) would spare this function, and bring a web crawler, while what
# a page loads and its alt texts would still need the parser above.
def broken(folder: Path) -> list[str]:
    """Return "file: address" for every local link or resource of a folder's pages that leads nowhere."""
    pages = {file: Page(file.read_text(encoding="utf-8")) for file in sorted(folder.rglob("*.html"))}
    found = []
    for file, page in pages.items():
        for address in (*page.links, *page.loads):
            parts = urlsplit(address)
            if parts.scheme or is_remote(address):  # data:, mailto:, another machine
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            if target.is_dir():
                target /= "index.html"
            place = unquote(parts.fragment)
            if not target.exists() or (place and target in pages and place not in pages[target].places):
                found.append(f"{file.relative_to(folder)}: {address}")
    return found


def without_alt(folder: Path) -> list[str]:
    """Return "file: source" for every picture without alt text."""
    return [
        f"{file.relative_to(folder)}: {source}"
        for file in sorted(folder.rglob("*.html"))
        for source in Page(file.read_text(encoding="utf-8")).without_alt
    ]
