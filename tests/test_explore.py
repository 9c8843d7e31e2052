"""The explorers compute what they show, and are a page where there is no kernel."""

import io
import re
from typing import Any

import ipywidgets as widgets
import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from tests.explorers import controls
from tests.state import unchanged
from vislib.course import activation_tsne, occlusion, weight_pca
from vislib.fills import canvas
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
    """Return class -> (probability with the patch, without), as read off the table."""
    rows = re.findall(r"<tr><td[^>]*><bdi>([^<]*)</bdi></td>.*?<td>([\d.]+) \(([\d.]+)\)</td></tr>", page)
    return {name: (float(now), float(before)) for name, now, before in rows}


def _expected(model: Classifier, image: Tensor, top: int, left: int, size: int, fill: str) -> tuple[Tensor, Tensor]:
    copy = image.clone()
    copy[..., top : top + size, left : left + size] = canvas(fill, image)[..., top : top + size, left : left + size]
    with torch.no_grad():
        return copy, model(copy).softmax(1)[0]


def _check(explorer: widgets.Widget, model: Classifier, image: Tensor, *place: Any) -> dict[str, tuple[float, float]]:
    """Compare numbers and picture with a direct computation; return the numbers."""
    found = controls(explorer)
    copy, probabilities = _expected(model, image, *place)
    with torch.no_grad():
        clean = model(image).softmax(1)[0]
    numbers = _numbers(found["HTML"].value)
    assert len(numbers) == 5
    for name, (now, before) in numbers.items():
        k = model.index(name.replace("&lt;", "<").replace("&gt;", ">"))
        assert now == pytest.approx(float(probabilities[k]), abs=0.0051)
        assert before == pytest.approx(float(clean[k]), abs=0.0051)
    pixels = np.asarray(Image.open(io.BytesIO(found["Image"].value)))
    assert np.abs(pixels / 255 - copy[0].permute(1, 2, 0).numpy()).max() < 1 / 255
    return numbers


def test_moving_a_control_changes_the_numbers_to_those_of_a_direct_computation(
    model: Classifier, image: Tensor
) -> None:
    explorer = occlusion.explorer(model, image, 3, patch=24)
    found = controls(explorer)
    seen = [_check(explorer, model, image, 20, 20, 24, "black")]
    found["down"].value = 0
    seen.append(_check(explorer, model, image, 0, 20, 24, "black"))
    found["right"].value = 40
    seen.append(_check(explorer, model, image, 0, 40, 24, "black"))
    found["size"].value = 32
    seen.append(_check(explorer, model, image, 0, 40, 32, "black"))
    found["fill"].value = "white"
    seen.append(_check(explorer, model, image, 0, 40, 32, "white"))
    assert all(one != other for i, one in enumerate(seen) for other in seen[:i])


def test_the_target_comes_first_and_the_likeliest_classes_after_it(model: Classifier, image: Tensor) -> None:
    with torch.no_grad():
        order = model(image)[0].argsort(descending=True).tolist()
    numbers = _numbers(controls(occlusion.explorer(model, image, order[5]))["HTML"].value)
    names = [name.replace("<b>", "&lt;b&gt;") for name in model.classes]
    assert list(numbers) == [names[k] for k in [order[5], *order[:4]]]
    assert "<b>" not in controls(occlusion.explorer(model, image, 2))["HTML"].value  # names are escaped


def test_options(model: Classifier, image: Tensor) -> None:
    explorer = occlusion.explorer(model, image, 0, patch=16, fill="noise")
    _check(explorer, model, image, 24, 24, 16, "noise")


def test_without_a_kernel_it_is_a_page_and_always_the_same(model: Classifier, image: Tensor) -> None:
    bundle = occlusion.explorer(model, image, 3, patch=24)._repr_mimebundle_()
    again = occlusion.explorer(model, image, 3, patch=24)._repr_mimebundle_()
    assert bundle["text/plain"] == again["text/plain"] == "Occlusion explorer: run this cell in JupyterLab"
    assert bundle["text/html"] == again["text/html"]
    page = bundle["text/html"]
    assert 'alt="A patch covers the middle of the image"' in page
    assert "data:image/jpeg;base64," in page
    assert _numbers(page) == _numbers(controls(occlusion.explorer(model, image, 3, patch=24))["HTML"].value)
    assert len(page) < 60_000
    assert "http" not in page


def test_the_still_does_not_follow_the_sliders(model: Classifier, image: Tensor) -> None:
    explorer = occlusion.explorer(model, image, 3, patch=24)
    before = explorer._repr_mimebundle_()["text/html"]
    controls(explorer)["down"].value = 0
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
        found = controls(occlusion.explorer(model, image, 3, fill="noise"))
        found["down"].value = 0
    assert torch.equal(image, before)


ROW = r"<tr><td[^>]*><bdi>([^<]*)</bdi>( ●)?</td><td><bdi>([^<]*)</bdi>( ●)?</td></tr>"
NAMES = ["crane", "tabby", "crane", "beagle", "<b>"]


def test_the_neighbour_explorer_lists_the_nearest_of_both_spaces() -> None:
    weights = torch.tensor([[0.0, 0, 9], [1, 0, 0], [2.5, 0, 0], [4.5, 0, 0], [9, 0, 0]])
    points = torch.tensor([[0.5, 0], [0, 0], [4, 0], [5, 0], [9, 0]])
    explorer = weight_pca.explorer(NAMES, weights, points, start="tabby", k=2)
    found = controls(explorer)
    table = found["HTML"].value
    rows = re.findall(ROW, table)
    assert rows == [
        ("crane (2)", " ●", "crane (0)", ""),
        ("beagle", "", "crane (2)", " ●"),
    ]  # two cranes are told apart
    before = found["Image"].value
    found["class"].value = "beagle"
    rows = re.findall(ROW, found["HTML"].value)
    assert [row[0] for row in rows] == ["crane (2)", "tabby"]
    assert found["Image"].value != before
    found["class"].value = "<b>"
    assert "<b><b></b>" not in found["HTML"].value  # a name is no markup


def test_the_neighbour_explorer_is_a_page_without_a_kernel() -> None:
    page = weight_pca.explorer(NAMES, torch.eye(5), torch.eye(5)[:, :2], start="tabby", k=2)._repr_mimebundle_()
    assert "data:image/png;base64" in page["text/html"]
    assert "tabby" in page["text/html"]
    assert page["text/plain"].startswith("Neighbour explorer")


def test_the_map_shows_each_point_with_its_own_image() -> None:
    images = torch.zeros(5, 3, 16, 16)
    images[3, 0] = 1  # a red one
    points = torch.tensor([[0.0, 0], [1, 0], [0, 1], [1, 1], [0.5, 0.5]])
    page = activation_tsne.explorer(
        points, images, torch.tensor([0, 1, 0, 1, 1]), ["a", "<b>"], thumb=16
    )._repr_mimebundle_()
    dots = re.findall(r'<b class="g(\d)" style="left:([\d.]+)%;bottom:([\d.]+)%">', page["text/html"])
    assert [int(group) for group, _, _ in dots] == [0, 1, 0, 1, 1]
    assert dots[3][1:] == ("98.0", "98.0")
    assert "&lt;b&gt;" in page["text/html"]
    # the image of point 3 stands in the second row, first column of a sheet of 3 x 3
    assert 'background-position:-0px -32px" title="3:' in page["text/html"]
    import base64

    sheet = np.asarray(Image.open(io.BytesIO(base64.b64decode(re.search(r"base64,([^)]+)\)", page["text/html"])[1]))))  # type: ignore[index]
    assert sheet.shape == (48, 48, 3)
    assert sheet[24, 8, 0] > 200 > 60 > sheet[24, 8, 1]
