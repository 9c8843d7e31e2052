"""The reader's own picture: as a viewer shows it, small, refused in one sentence, kept in one place and nowhere else."""

import io
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps
from torch import nn

from tests.explorers import controls
from vislib import data
from vislib.course import own
from vislib.data.photographs import mine
from vislib.models import Classifier

BLOCKS = np.random.default_rng().integers(0, 256, (6, 4, 3), dtype=np.uint8)
PICTURE = Image.fromarray(BLOCKS).resize((400, 600), Image.Resampling.NEAREST)


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the picture is kept, in a folder that does not exist yet."""
    path = tmp_path / "data" / "mine.png"
    monkeypatch.setenv("VISLIB_PHOTO", str(path))
    return path


def encoded(picture: Image.Image, kind: str = "PNG", orientation: int = 1) -> bytes:
    exif = picture.getexif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    picture.save(file, kind, exif=exif)
    return file.getvalue()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_picture_stands_as_a_viewer_shows_it(orientation: int, tmp_path: Path) -> None:
    file = tmp_path / "turned.png"
    file.write_bytes(encoded(PICTURE, orientation=orientation))
    expected = ImageOps.exif_transpose(Image.open(file)).convert("RGB")
    seen = data.photo(file)
    assert abs(seen.width / seen.height - expected.width / expected.height) < 0.01
    assert np.abs(np.array(seen, float) - np.array(expected.resize(seen.size), float)).mean() < 4


def test_twelve_megapixels_become_few(tmp_path: Path) -> None:
    file = tmp_path / "phone.jpg"
    file.write_bytes(encoded(PICTURE.resize((4032, 3024)), "JPEG", 6))
    assert data.photo(str(file)).size == (512, 682)
    assert data.photo(file).getpixel((500, 10)) == pytest.approx(PICTURE.getpixel((5, 5)), abs=6)  # type: ignore[comparison-overlap]


def test_transparency_lies_on_white() -> None:
    cut = np.zeros((64, 64, 4), np.uint8)
    cut[20:40, 20:40] = (200, 30, 30, 255)
    cut[..., 1] = np.where(cut[..., 3] == 0, 255, cut[..., 1])  # green below what is transparent
    seen = own.keep(io.BytesIO(encoded(Image.fromarray(cut))), "cut.png")
    assert seen.getpixel((1, 1)) == (255, 255, 255)
    assert seen.getpixel((30, 30)) == (200, 30, 30)


def test_sixteen_bits_are_no_white_page(tmp_path: Path) -> None:
    deep = np.full((40, 50), 30000, np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    assert set(np.array(data.photo(tmp_path / "deep.png")).flat) == {117}


BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    "text.jpg": (lambda: b"Dear diary", "text.jpg is no picture that can be read; expected a JPEG, PNG or WebP file."),
    "empty.png": (lambda: b"", "empty.png is no picture that can be read; expected a JPEG, PNG or WebP file."),
    "cut.jpg": (
        lambda: encoded(PICTURE, "JPEG")[:-2000],
        r"cut.jpg cannot be read \(.*truncated.*\); expected a whole JPEG, PNG or WebP file.",
    ),
    "cut.png": (
        lambda: encoded(PICTURE)[:-200],
        r"cut.png cannot be read \(.*\); expected a whole JPEG, PNG or WebP file.",
    ),
    "dot.png": (lambda: encoded(PICTURE.resize((20, 90))), "dot.png has 20 x 90 pixels; expected at least 32 each way."),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_gets_one_sentence_and_changes_nothing(name: str, tmp_path: Path) -> None:
    make, sentence = BAD[name]
    own.keep(io.BytesIO(encoded(PICTURE)), "good.png")
    before = mine().read_bytes()
    (tmp_path / name).write_bytes(make())
    for read in (lambda: data.photo(tmp_path / name), lambda: own.keep(io.BytesIO(make()), name)):
        with pytest.raises(ValueError, match=f"^{sentence}$"):
            read()
    assert mine().read_bytes() == before


def test_a_path_without_a_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"there is no file .*me\.jpg; expected the path of a picture"):
        data.photo(tmp_path / "me.jpg")
    with pytest.raises(ValueError, match="there is no photo of yours yet"):
        data.photo("mine")


def test_kept_once_it_is_there_in_every_notebook(kept: Path, tmp_path: Path) -> None:
    assert own.photo("cat").tobytes() == data.photo("cat").tobytes()
    (tmp_path / "me.jpg").write_bytes(encoded(PICTURE, "JPEG"))
    seen = own.keep(str(tmp_path / "me.jpg"))
    assert own.photo("cat").tobytes() == data.photo("mine").tobytes() == seen.tobytes()
    assert list(kept.parent.iterdir()) == [kept]
    assert not Image.open(kept).getexif()  # no place and no time, which a phone writes down
    own.forget()
    own.forget()
    assert own.photo("cat").tobytes() == data.photo("cat").tobytes()


def test_without_the_variable_it_lies_beside_the_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    from flashcards.review_log.store import default_path

    monkeypatch.delenv("VISLIB_PHOTO")
    monkeypatch.delenv("VISLIB_PROGRESS")
    progress = default_path()
    assert progress is not None
    assert mine().parent == progress.parent


def test_where_nothing_can_be_kept_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wall").write_text("")
    monkeypatch.setenv("VISLIB_PHOTO", str(tmp_path / "wall" / "mine.png"))
    with pytest.raises(ValueError, match=r"your picture cannot be kept \(.*\); set VISLIB_PHOTO to a file that can"):
        own.keep(io.BytesIO(encoded(PICTURE)), "good.png")


def test_the_button_shows_a_map_or_a_sentence() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 8, stride=8), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)).eval()
    explorer = own.upload(Classifier(network, classes=["<i>", "b", "$c$"], input_size=64))
    found = controls(explorer)
    answer = found["HTML"]
    assert "coffee, until you choose yours" in answer.value

    def choose(name: str, content: bytes) -> str:
        facts = {"name": name, "type": "image/png", "size": len(content), "last_modified": datetime.now(UTC)}
        found["your picture"].value = (facts | {"content": memoryview(content)},)
        return str(answer.value)

    assert 'src="data:image' in choose("me.png", encoded(PICTURE))
    assert "me.png: kept for the other notebooks." in answer.value
    assert choose("<b>.jpg", b"text").startswith("<p>&lt;b&gt;.jpg is no picture that can be read")
    assert data.photo("mine").size == (400, 600)
    assert 'src="data:image' in choose("again.png", encoded(PICTURE))
