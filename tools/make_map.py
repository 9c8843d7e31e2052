"""Draw the tiles of the map in 00_start_here, one SVG per notebook: ``python tools/make_map.py``.

A tile is a link, so that the map works wherever Markdown does: in JupyterLab, on GitHub, and in a static site.
"""

from pathlib import Path
from xml.sax.saxutils import escape

FOLDER = Path(__file__).resolve().parent.parent / "notebooks" / "map"
WIDTH, HEIGHT = 200, 124

# Part -> its colour, dark enough for white words on it.
PARTS = {
    "start": "#4a5568",
    "look inside": "#005f99",
    "ask about one answer": "#9c3d00",
    "let it draw": "#7a3b69",
    "test the explanation": "#00664b",
    "put it together": "#4a5568",
}

# Notebook -> part, question in lines, and a drawing in a frame of 40 x 40.
TILES: dict[str, tuple[str, list[str], str]] = {
    "00_start_here": ("start", ["Where do I begin?"], '<path d="M12 8v24l20-12z"/>'),
    "01_explanation_taxonomy": (
        "start",
        ["What is an explanation,", "and for whom?"],
        '<path d="M6 8h28v18H18l-8 8v-8H6z"/>',
    ),
    "02_weight_pca": (
        "look inside",
        ["What does the last", "layer know?"],
        '<circle cx="10" cy="30" r="4"/><circle cx="18" cy="24" r="4"/><circle cx="30" cy="10" r="4"/><circle cx="33" cy="20" r="4"/>',
    ),
    "03_activation_tsne": (
        "look inside",
        ["What does it do with", "its inputs?"],
        '<path d="M4 6h6v28H4zM16 11h6v18h-6zM28 16h6v8h-6z"/>',
    ),
    "04_occlusion": (
        "ask about one answer",
        ["What if a part is", "covered?"],
        '<path d="M4 4h32v32H4zM7 7v26h26V7z" fill-rule="evenodd"/><path d="M16 16h14v14H16z"/>',
    ),
    "05_gradients": (
        "ask about one answer",
        ["What does a small", "change do?"],
        '<path d="M4 34L34 4l2 2L8 34zM22 4h14v14l-5-5-4-4z"/>',
    ),
    "06_input_reconstruction": (
        "let it draw",
        ["What would it like", "to see?"],
        '<path d="M20 5l4 11h11l-9 7 4 12-10-8-10 8 4-12-9-7h11z"/>',
    ),
    "07_sanity_checks": (
        "test the explanation",
        ["Would a broken model", "look as convincing?"],
        '<path d="M5 20l5-5 7 7L30 8l5 5-18 19z"/>',
    ),
    "08_roar": (
        "test the explanation",
        ["Remove and retrain:", "what is missed?"],
        '<path d="M20 4a16 16 0 1 1-15 11l5 2A11 11 0 1 0 20 9v6l-9-8 9-7z"/>',
    ),
    "09_review": (
        "put it together",
        ["Which method, when?", "And who did it?"],
        '<path d="M16 4a12 12 0 1 1 0 24 12 12 0 0 1 0-24zm0 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM25 22l11 11-3 3-11-11z"/>',
    ),
    "10_transformers": (
        "put it together",
        ["Does attention show", "what is used?"],
        '<path d="M4 4h8v32H4zM28 4h8v32h-8z"/><path d="M12 18h16v4H12z"/><circle cx="20" cy="20" r="5"/>',
    ),
}


def tile(name: str) -> str:
    """Return one tile as SVG."""
    part, question, drawing = TILES[name]
    words = "".join(
        f'<text x="14" y="{71 + 18 * i}" font-size="13" font-weight="600">{escape(line)}</text>'
        for i, line in enumerate(question)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'font-family="system-ui, Segoe UI, Helvetica, Arial, sans-serif" fill="#fff">\n'
        f'<rect x="1" y="1" width="{WIDTH - 2}" height="{HEIGHT - 2}" rx="12" fill="{PARTS[part]}"/>\n'
        f'<text x="14" y="42" font-size="28" font-weight="700">{name[:2]}</text>'
        f'<g transform="translate({WIDTH - 56} 12)">{drawing}</g>\n{words}'
        f'<text x="14" y="{HEIGHT - 12}" font-size="11" fill="#e8edf3">{escape(part)}</text>\n</svg>\n'
    )


def main() -> None:
    """Write all tiles."""
    FOLDER.mkdir(exist_ok=True)
    for name in TILES:
        (FOLDER / f"{name[:2]}.svg").write_text(tile(name), encoding="utf-8")


if __name__ == "__main__":
    main()
