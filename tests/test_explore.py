"""The explorers compute what they show, and are a page where there is no kernel."""

import base64
import io
import re
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor, nn

from tests.explorers import controls
from tests.state import unchanged
from vislib import data
from vislib.course import activation_tsne, occlusion, own, weight_pca
from vislib.embedding import neighbour_accuracy, tsne
from vislib.fills import NAMES, canvas, inpaint
from vislib.models import Classifier


@pytest.fixture
def model() -> Classifier:
    """Return a small network on 64 x 64 pixels whose answer depends on where things are."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = nn.Sequential(nn.AvgPool2d(4), nn.Flatten(), nn.Linear(768, 6)).eval()
    return Classifier(network, classes=["cat", "dog", "<b>", "cup", "car", "sky"], std=0.2, input_size=64)


@pytest.fixture
def image() -> Tensor:
    return torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))


def _numbers(page: str) -> dict[str, tuple[float, float]]:
    """Return class -> (probability with the patch, without), as read off the table of the still."""
    rows = re.findall(r"<tr><td><bdi>([^<]*)</bdi></td><td>([\d.]+)</td><td>([\d.]+)</td></tr>", page)
    return {name: (float(now), float(before)) for name, now, before in rows}


def _pixels(address: str) -> Tensor:
    """Return what a data URL shows, (C, H, W)."""
    array = np.asarray(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))))
    return torch.from_numpy(array.reshape(*array.shape[:2], -1) / 255).permute(2, 0, 1)


def _covered(image: Tensor, asked: dict[str, Any]) -> Tensor:
    """Cover an image as is asked, by the fill's own function."""
    top, left, size, copy = asked["top"], asked["left"], asked["size"], image.clone()
    window = (..., slice(top, top + size), slice(left, left + size))
    if asked["fill"] == "inpaint":
        copy[window] = inpaint(image, *(torch.tensor([n]) for n in (0, top, left)), (size, size))
    else:
        copy[window] = canvas(asked["fill"], image)[window]
    return copy


def _patch(explorer: widgets.Widget) -> Any:
    return controls(explorer)["Patch"]


def _check(patch: Any, model: Classifier, image: Tensor) -> list[float]:
    """Compare what the page gets with a direct computation; return the probabilities."""
    answer, asked = patch.answer, patch.asked
    covered = _covered(image, asked)
    with torch.no_grad():
        now, before = model(torch.cat([covered, image])).softmax(1)
    shown = [model.index(name) for name in answer["classes"]]
    assert answer["asked"] == asked
    assert answer["now"] == pytest.approx(now[shown].tolist(), abs=1e-5)
    assert answer["before"] == pytest.approx(before[shown].tolist(), abs=1e-5)
    assert answer["says"] == f"{model.classes[int(now.argmax())]} ({float(now.max()):.2f})"  # type: ignore[index]
    photograph, under = _pixels(patch.picture), _pixels(patch.under)
    window = (..., *(slice(asked[edge], asked[edge] + asked["size"]) for edge in ("top", "left")))
    photograph[window] = under[window]  # as the page does
    assert (photograph - covered[0]).abs().max() < 1 / 255
    return list(answer["now"])


def test_what_is_asked_is_answered_as_by_a_direct_computation(model: Classifier, image: Tensor) -> None:
    patch = _patch(occlusion.explorer(model, image, 3, patch=24))
    assert patch.asked == {"photo": "this image", "fill": "black", "top": 20, "left": 20, "size": 24}
    seen = [_check(patch, model, image)]
    for change in ({"top": 0}, {"left": 40}, {"size": 17}, *({"fill": name} for name in NAMES[1:])):
        patch.asked = {**patch.asked, **change}
        seen.append(_check(patch, model, image))
    assert all(one != other for i, one in enumerate(seen) for other in seen[:i])


@given(*[st.integers(-1000, 1000)] * 3)
def test_the_patch_stays_within_the_image(top: int, left: int, size: int) -> None:
    network = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4, 3)).eval()
    image = torch.rand(1, 1, 24, 40)
    patch = _patch(occlusion.explorer(Classifier(network, classes=list("abc")), image, 0))
    patch.asked = {**patch.asked, "top": top, "left": left, "size": size}
    held, answer = patch.asked, patch.answer
    assert answer["smallest"] <= held["size"] <= answer["largest"] <= 12
    assert 0 <= held["top"] <= 24 - held["size"]
    assert 0 <= held["left"] <= 40 - held["size"]
    assert answer["asked"] == held
    if answer["smallest"] <= size <= answer["largest"] and 0 <= top <= 24 - size and 0 <= left <= 40 - size:
        assert (held["top"], held["left"], held["size"]) == (top, left, size)


def test_photographs_are_those_of_the_course_and_the_readers_own(
    model: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISLIB_PHOTO", str(tmp_path / "mine.png"))
    patch = _patch(occlusion.explorer(model, "cat"))
    assert patch.photos == list(data.PHOTOS)
    _check(patch, model, model.preprocess(data.photo("cat")))
    other = Image.fromarray(np.random.default_rng().integers(0, 256, (90, 70, 3), dtype=np.uint8))
    other.save(tmp_path / "other.png")
    own.keep(tmp_path / "other.png")
    patch = _patch(occlusion.explorer(model, "cat", 2))
    assert patch.photos == [*data.PHOTOS, "mine"]
    assert patch.answer["classes"][0] == "<b>"
    for name in ("coffee", "mine"):
        patch.asked = {**patch.asked, "photo": name}
        image = model.preprocess(data.photo(name))
        with torch.no_grad():
            likeliest = model(image).argsort(descending=True)[0, :5].tolist()
        assert patch.answer["classes"] == [model.classes[k] for k in likeliest]  # type: ignore[index]
        _check(patch, model, image)
    assert _patch(occlusion.explorer(model, str(tmp_path / "other.png"))).photos[-1] == str(tmp_path / "other.png")


def test_an_unknown_photograph_is_one_sentence(
    model: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match=r"^there is no photo 'rockt'; did you mean 'rocket' or 'cat'\?$"):
        occlusion.explorer(model, "rockt")
    monkeypatch.setenv("VISLIB_PHOTO", str(tmp_path / "mine.png"))
    Image.new("RGB", (50, 50), "teal").save(tmp_path / "mine.png")
    patch = _patch(occlusion.explorer(model, "cat"))
    before = patch.asked
    own.forget()  # while it is in the menu
    patch.asked = {**before, "photo": "mine"}
    assert patch.answer["asked"] == patch.asked
    assert re.fullmatch(
        r"there is no picture \S+; upload one in notebook 00, or give another path.", patch.answer["refused"]
    )
    patch.asked = before
    assert "refused" not in patch.answer
    _check(patch, model, model.preprocess(data.photo("cat")))


def test_the_target_comes_first_and_the_likeliest_classes_after_it(model: Classifier, image: Tensor) -> None:
    with torch.no_grad():
        order = model(image)[0].argsort(descending=True).tolist()
    names = [model.classes[k] for k in order]  # type: ignore[index]
    assert _patch(occlusion.explorer(model, image, order[5])).answer["classes"] == [names[5], *names[:4]]
    assert _patch(occlusion.explorer(model, image, order[2])).answer["classes"] == [
        *(names[k] for k in (2, 0, 1, 3, 4)),
    ]
    assert _patch(occlusion.explorer(model, image)).answer["classes"] == names[:5]


def test_options(model: Classifier, image: Tensor) -> None:
    patch = _patch(occlusion.explorer(model, image, 0, patch=16, fill="noise", place=(2, 40)))
    assert patch.asked == {"photo": "this image", "fill": "noise", "top": 2, "left": 40, "size": 16}
    _check(patch, model, image)


def test_without_a_kernel_it_is_a_page_and_always_the_same(model: Classifier, image: Tensor) -> None:
    explorer = occlusion.explorer(model, image, 2, patch=24)
    bundle, again = (e._repr_mimebundle_() for e in (explorer, occlusion.explorer(model, image, 2, patch=24)))
    assert bundle["text/plain"] == again["text/plain"] == "Occlusion explorer: run this cell in JupyterLab"
    assert bundle["text/html"] == again["text/html"]
    page = bundle["text/html"]
    assert 'alt="A patch covers a part of the photograph: black, 24 pixels each way"' in page
    assert "data:image/jpeg;base64," in page
    answer, numbers = _patch(explorer).answer, _numbers(page)
    assert list(numbers) == [name.replace("<b>", "&lt;b&gt;") for name in answer["classes"]]
    for (now, before), *expected in zip(numbers.values(), answer["now"], answer["before"], strict=True):
        assert [now, before] == pytest.approx(expected, abs=0.0051)
    assert len(page) < 60_000
    assert "http" not in page


def test_the_still_does_not_follow_the_patch(model: Classifier, image: Tensor) -> None:
    explorer = occlusion.explorer(model, image, 3, patch=24)
    before = explorer._repr_mimebundle_()["text/html"]
    _patch(explorer).asked = {**_patch(explorer).asked, "top": 0}
    assert explorer._repr_mimebundle_()["text/html"] == before


def test_a_kernel_finds_the_widget(model: Classifier, image: Tensor) -> None:
    explorer = occlusion.explorer(model, image, 3, patch=24)
    view = explorer._repr_mimebundle_()["application/vnd.jupyter.widget-view+json"]
    assert view["model_id"] == explorer.model_id


def test_small_grey_and_wide_images(image: Tensor) -> None:
    network = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4, 3)).eval()
    for shape in ((1, 1, 64, 64), (1, 1, 16, 48), (1, 1, 16, 16), (1, 1, 8, 8), (1, 1, 1, 1)):
        explorer = occlusion.explorer(
            Classifier(network), image[:, :1].reshape(-1)[: shape[2] * shape[3]].reshape(shape), 0
        )
        assert _numbers(explorer._repr_mimebundle_()["text/html"]).keys() == {"0", "1", "2"}


def test_the_model_and_the_image_stay_as_they_were(model: Classifier, image: Tensor) -> None:
    before = image.clone()
    with unchanged(model):
        patch = _patch(occlusion.explorer(model, image, 3, fill="noise"))
        patch.asked = {**patch.asked, "top": 0}
    assert torch.equal(image, before)


ROW = r"<tr><td[^>]*><bdi>([^<]*)</bdi>( ●)?</td><td[^>]*>(\d+)</td><td[^>]*><bdi>([^<]*)</bdi>( ●)?</td></tr>"
BIRDS = ["crane", "tabby", "crane", "beagle", "<b>"]


def test_the_neighbour_explorer_lists_the_nearest_of_both_spaces() -> None:
    weights = torch.tensor([[0.0, 0, 9], [1, 0, 0], [2.5, 0, 0], [4.5, 0, 0], [9, 0, 0]])
    points = torch.tensor([[0.5, 0], [0, 0], [4, 0], [5, 0], [9, 0]])
    explorer = weight_pca.explorer(BIRDS, weights, points, start="tabby", k=2)
    found = controls(explorer)
    table = found["HTML"].value
    rows = re.findall(ROW, table)
    assert rows == [
        ("crane (2)", " ●", "4", "crane (0)", ""),
        ("beagle", "", "3", "crane (2)", " ●"),
    ]  # two cranes are told apart, and the middle one of a line stands in every other list
    before = found["Image"].value
    found["class"].value = "beagle"
    rows = re.findall(ROW, found["HTML"].value)
    assert [row[0] for row in rows] == ["crane (2)", "tabby"]
    assert found["Image"].value != before
    found["class"].value = "<b>"
    assert "<b><b></b>" not in found["HTML"].value  # a name is no markup


def test_the_switch_of_the_neighbour_explorer_compares_angles_and_leaves_the_map() -> None:
    generator = torch.Generator().manual_seed(4)
    rows = torch.randn(30, 6, generator=generator) * torch.linspace(0.1, 3, 30)[:, None]
    names, points = [f"class {i}" for i in range(30)], torch.randn(30, 2, generator=generator)
    found = controls(weight_pca.explorer(names, rows, points, start="class 7", k=4))
    read = {}
    for way in ("distance", "direction"):
        found["nearest by"].value = way
        read[way] = re.findall(ROW, found["HTML"].value)
        assert f"by {way}" in found["HTML"].value
    cosines = torch.cosine_similarity(rows[7], rows).argsort(descending=True)[1:5]
    distances = (rows - rows[7]).norm(dim=1).argsort()[1:5]
    lists = {way: [row[0] for row in table] for way, table in read.items()}
    assert lists == {way: [names[i] for i in order] for way, order in (("distance", distances), ("direction", cosines))}
    assert [row[3] for row in read["distance"]] == [row[3] for row in read["direction"]]
    agree = len(set(distances.tolist()) & set(cosines.tolist()))
    assert f"agree on {agree} of 4" in found["HTML"].value
    near = torch.cdist(rows, rows).argsort(1)[:, 1:5]
    assert [int(row[2]) for row in read["distance"]] == [int((near == i).sum()) for i in distances]


def test_the_neighbour_explorer_is_a_page_without_a_kernel() -> None:
    page = weight_pca.explorer(BIRDS, torch.eye(5), torch.eye(5)[:, :2], start="tabby", k=2)._repr_mimebundle_()
    assert "data:image/png;base64" in page["text/html"]
    assert "tabby" in page["text/html"]
    assert page["text/plain"].startswith("Neighbour explorer")


def test_the_map_shows_each_point_with_its_own_image() -> None:
    images = torch.zeros(5, 3, 16, 16)
    images[3, 0] = 1  # a red one
    points = torch.tensor([[0.0, 0], [1, 0], [0, 1], [1, 1], [0.5, 0.5]])
    explorer = activation_tsne.explorer(
        points, images, torch.tensor([0, 1, 0, 1, 1]), ["a", "<b>"], known={1: points}, thumb=16
    )
    sheet_of, live = (child.value for child in explorer.children[::2][:2])
    dots = re.findall(r'<b class="g(\d)" style="left:([\d.]+)%;bottom:([\d.]+)%">', live)
    assert [int(group) for group, _, _ in dots] == [0, 1, 0, 1, 1]
    assert dots[3][1:] == ("98.0", "98.0")
    assert "&lt;b&gt;" in sheet_of
    assert "&lt;b&gt;" in live
    # the image of point 3 stands in the second row, first column of a sheet of 3 x 3
    assert 'background-position:-0px -32px" title="3:' in live
    sheet = np.asarray(Image.open(io.BytesIO(base64.b64decode(re.search(r"base64,([^)]+)\)", sheet_of)[1]))))  # type: ignore[index]
    assert sheet.shape == (48, 48, 3)
    assert sheet[24, 8, 0] > 200 > 60 > sheet[24, 8, 1]


def test_the_slider_moves_the_perplexity_and_counts_on_the_map_that_is_seen() -> None:
    generator = torch.Generator().manual_seed(11)
    groups = torch.arange(36) // 12
    x = torch.randn(36, 5, generator=generator) + 6 * torch.nn.functional.one_hot(groups, 5)
    noise = torch.randn(36, 2, generator=generator)
    explorer = activation_tsne.explorer(x, torch.rand(36, 3, 8, 8), groups, ["a", "b", "c"], known={10: noise}, thumb=8)
    slider, live, words = explorer.children[1:4]
    assert slider.options == (2, 5, 10)  # 20 needs more than sixty points
    assert slider.value == 10
    assert f"{neighbour_accuracy(noise, groups):.0%} on this map" in words.value
    assert f"for {neighbour_accuracy(x, groups):.0%} by all numbers" in words.value
    before = live.value
    slider.value = 5
    computed = tsne(x, perplexity=5)
    assert f"{neighbour_accuracy(computed, groups):.0%} on this map" in words.value
    assert live.value != before
    slider.value = 10
    assert live.value == before  # a map that exists is not computed again


def test_the_map_is_a_picture_without_a_kernel() -> None:
    points = torch.rand(20, 2, generator=torch.Generator().manual_seed(2))
    page = activation_tsne.explorer(
        points, torch.rand(20, 3, 8, 8), torch.arange(20) % 2, ["left", "right"], known={3: points}
    )._repr_mimebundle_()["text/html"]
    assert "data:image/png;base64" in page
    assert "10 left" in re.search('alt="([^"]*)"', page)[1]  # type: ignore[index]
    assert "<style" not in page  # JupyterLab and GitHub take it out of a notebook that was not run here
