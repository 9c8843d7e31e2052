"""No sentence without its cause: every message of the library is expected by a test that brings it about."""

import ast
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import vislib
from tests.pretend import to_pretend
from vislib import data, embedding, faithfulness, fills, gradients, reconstruction, roar, sanity
from vislib.activations import record
from vislib.course import review
from vislib.data import ImageSet
from vislib.incremental import IncrementalModel
from vislib.models import Classifier
from vislib.occlusion import occlusion

HERE = Path(__file__).parent
LIBRARY = Path(vislib.__file__).parent
LONG = 14  # characters that a test must quote, and that no other message has


def _texts(node: ast.AST) -> Iterator[str]:
    """The pieces of a text that do not depend on what came."""
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value


def _windows(text: str) -> set[str]:
    return {text[i : i + LONG] for i in range(max(len(text) - LONG, 0) + 1)}


def messages() -> dict[str, list[str]]:
    """Where something is raised, or answered by a checker as wrong -> the pieces of its sentence."""
    found = {}
    for path in sorted(LIBRARY.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            raised = isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)
            pieces = [text for argument in node.exc.args for text in _texts(argument)] if raised else []  # type: ignore[union-attr]
            if any(len(piece) >= 8 for piece in pieces):
                found[f"{path.relative_to(LIBRARY.parent)}:{node.lineno}"] = pieces  # type: ignore[attr-defined]
    return found


def unheard() -> dict[str, list[str]]:
    """Messages of which no test quotes a piece that they have alone."""
    quoted = " \n ".join(
        text.replace("\\", "")
        for path in sorted(HERE.rglob("*.py"))
        for text in _texts(ast.parse(path.read_text(encoding="utf-8")))
        if len(text) < 300
    )
    said = messages()
    own = {place: {w for piece in pieces for w in _windows(piece)} for place, pieces in said.items()}
    count = Counter(window for windows in own.values() for window in windows)
    return {
        place: said[place]
        for place, windows in own.items()
        if not any(window in quoted for window in ({w for w in windows if count[w] == 1} or windows))
    }


def test_every_message_is_expected_somewhere() -> None:
    assert len(messages()) > 150
    assert unheard() == {}


# ---- the few that no other file is about ----


def test_maps_of_two_shapes() -> None:
    with pytest.raises(ValueError, match=r"the maps have shapes \(1, 4, 4\) and \(1, 5, 5\); expected the same"):
        sanity.spearman(torch.rand(1, 4, 4), torch.rand(1, 5, 5))


@pytest.mark.parametrize("seeds", [2.0, "3", None, True])
def test_seeds_that_are_no_number(seeds: Any, cnn: nn.Module, images: Tensor) -> None:
    with pytest.raises(TypeError, match=r"seeds is .*; expected an int of at least 2, since"):
        sanity.cascade(cnn, images, 0, gradients.gradient, seeds=seeds)


@pytest.mark.parametrize("answer", [torch.rand(3, 16), torch.rand(3, 3, 16, 16), None, [1.0]])
def test_an_explainer_without_a_heatmap(answer: Any, cnn: nn.Module, images: Tensor) -> None:
    with pytest.raises(ValueError, match=r"the heatmaps of the explainer came as .*; expected shape \(3, 16, 16\)"):
        faithfulness.deletion(cnn, images, 0, lambda *asked: answer)


def test_heatmaps_with_nan_are_ranked_by_nothing(cnn: nn.Module, images: Tensor) -> None:
    heat = images.mean(1).index_fill(1, torch.tensor([2]), torch.nan)
    data = ImageSet(images, torch.tensor([0, 1, 2]), "abcde")
    with pytest.raises(ValueError, match=r"the heatmaps of 'holes' contain NaN; expected a number for every pixel"):
        roar.road(cnn, {"holes": heat}, data)


def test_a_test_that_the_board_has_not() -> None:
    table = pd.DataFrame(
        [{"explainer": "a", "test": "deletion", "value": 1.0, "low": 0.0, "high": 2.0, "verdict": "better"}]
    )
    with pytest.raises(ValueError, match=r"the table has no test 'insertion'; expected some of deletion"):
        review.explorer(table, {"insertion": "higher is better"})


def test_a_fill_on_another_device(images: Tensor, pretend: torch.device) -> None:
    with pytest.raises(ValueError, match=r"the fill is on cpu and images on pretend:0; expected both on one device"):
        fills.canvas(torch.zeros(3, 16, 16), to_pretend(images))


# ---- what is wrong with an input, or an answer ----


class Twice(nn.Module):
    """Answers with two tensors."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x, x


def test_a_layer_that_answers_with_two_tensors(cnn: nn.Module, images: Tensor) -> None:
    network = nn.Sequential(OrderedDict(two=Twice(), first=First(), rest=cnn)).eval()
    with (
        pytest.raises(TypeError, match=r"the layer 'two' answers with a tuple; expected a tensor\."),
        record(network, ["two"]),
    ):
        network(images)


class First(nn.Module):
    """Takes the first of two tensors."""

    def forward(self, x: tuple[Tensor, Tensor]) -> Tensor:
        return x[0]


def test_an_unknown_label() -> None:
    with pytest.raises(ValueError, match=r"label is 'size'; expected one of object, texture, colour\."):
        data.shapes(2, label="size")


def test_fashion_mnist_without_a_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def offline(*args: Any, **kwargs: Any) -> None:
        raise OSError("no route")

    monkeypatch.setattr("torchvision.datasets.FashionMNIST.__init__", offline)
    monkeypatch.setattr("vislib.data.mnist._DEBIAN", tmp_path / "nowhere")
    with pytest.raises(RuntimeError, match=r"Fashion-MNIST is neither in .*nowhere nor can it be fetched \(no route\)"):
        data.fashion_mnist()


@pytest.mark.parametrize("hole", [torch.nan, torch.inf])
def test_points_without_a_place(hole: float) -> None:
    with pytest.raises(ValueError, match=r"the points contain NaN or infinity; expected finite numbers\."):
        embedding.pca(torch.rand(6, 3).index_fill(0, torch.tensor([4]), hole))


def test_scores_that_are_no_numbers(cnn: nn.Module, images: Tensor) -> None:
    with pytest.raises(
        ValueError, match=r"the score returned .* for 3 images; expected one floating-point number each\."
    ):
        gradients.gradient(cnn, images, 0, score=lambda logits, target: logits)
    with pytest.raises(ValueError, match=r"the score of an image is NaN; expected a number\."):
        occlusion(cnn, images, 0, patch=8, stride=8, score=lambda logits, target: logits[:, 0] * torch.nan)


def test_images_that_are_no_pixels_or_elsewhere(cnn: nn.Module, images: Tensor) -> None:
    with pytest.raises(
        TypeError, match=r"images has dtype torch.int64; expected floating point, with pixels in \[0, 1\]"
    ):
        gradients.gradient(cnn, images.long(), 0)
    with pytest.raises(ValueError, match=r"images is on meta and the model on cpu; expected both on one device\."):
        gradients.gradient(cnn, images.to("meta"), 0)
    with pytest.raises(ValueError, match=r"target is on meta and images on cpu; expected both on one device\."):
        gradients.gradient(cnn, images, torch.zeros(3, dtype=torch.int64, device="meta"))
    seen = IncrementalModel(cnn, images[:1])
    corner = torch.zeros(1, dtype=torch.int64)
    with pytest.raises(ValueError, match=r"patches is on meta and images on cpu; expected both on one device\."):
        seen.run(torch.rand(1, 3, 4, 4, device="meta"), corner, corner)


def test_an_answer_without_a_number(cnn: nn.Module, images: Tensor) -> None:
    with torch.no_grad():
        cnn[-1].bias[2] = torch.nan
    with pytest.raises(
        ValueError, match=r"answers with NaN or infinity; expected logits, where -inf alone may mask a class"
    ):
        gradients.gradient(cnn, images, 0)


def test_pictures_that_cannot_be_read(cnn: nn.Module) -> None:
    model = Classifier(cnn, classes="abcde", mean=0.5, std=0.5, input_size=16)
    with pytest.raises(
        ValueError, match=r"image has uint16 pixels from 7 to 7; expected 16 bits, up to 65535, or floats"
    ):
        model.preprocess(Image.fromarray(np.full((20, 20), 7, np.uint16)))
    with pytest.raises(ValueError, match=r"image has 0 x 5 pixels; expected at least one\."):
        model.preprocess(np.zeros((0, 5, 3), np.uint8))
    with pytest.raises(ValueError, match=r"image has the mode La; expected one that PIL turns into RGB\."):
        model.preprocess(Image.new("La", (20, 20)))


def test_units_that_a_layer_does_not_have(cnn: nn.Module) -> None:
    model = Classifier(cnn, classes="abcde", mean=0.5, std=0.5, input_size=16)
    with pytest.raises(
        ValueError, match=r"target contains 9, and the layer 'network.4' has 8 units; expected 0 to 7\."
    ):
        reconstruction.reconstruct(model, 9, layer="network.4", steps=1)
    model.network = nn.Sequential(OrderedDict(sums=Totals(), rest=cnn)).eval()
    with pytest.raises(
        ValueError, match=r"the layer 'network.sums.total' answers with .*; expected units \(B, units, \.\.\.\)\."
    ):
        reconstruction.reconstruct(model, 0, layer="network.sums.total", steps=1)


class Totals(nn.Module):
    """Hands the images on; a layer in it knows their totals, without a dimension for images."""

    def __init__(self) -> None:
        super().__init__()
        self.total = Total()

    def forward(self, x: Tensor) -> Tensor:
        return x + 0 * self.total(x)


class Total(nn.Module):
    """All numbers together."""

    def forward(self, x: Tensor) -> Tensor:
        return x.sum()


# ---- why a network is not followed by increments ----


class Worked(nn.Module):
    """Does something to the map of a convolution."""

    def __init__(self, work: Callable[[Tensor], Tensor], leaf: nn.Module | None = None) -> None:
        super().__init__()
        self.conv, self.head, self.leaf, self.work = nn.Conv2d(3, 4, 3), nn.Linear(4, 5), leaf, work

    def forward(self, x: Tensor) -> Tensor:
        y = self.work(self.conv(x))
        return self.head((y if self.leaf is None else self.leaf(y)).mean((2, 3)))


class Changing(nn.Module):
    """Changes its input without a word, as a layer of PyTorch would be trusted not to."""

    __module__ = "torch.nn.pretend"

    def forward(self, x: Tensor) -> Tensor:
        return x.mul_(0.5)


def _viewed_before(y: Tensor) -> Tensor:
    view = y.view(y.shape)
    y.relu_()
    return view + y


REASONS: dict[str, Callable[[Tensor], Tensor]] = {
    "writes into memory": lambda y: torch.add(y, 1, out=y + 1),
    "resize_as_ works in place": lambda y: torch.resize_as_(y, y),
    "works in place on memory that others may share": lambda y: y.view(y.shape).relu_() + 0,
    "works in place on memory that view may share": _viewed_before,
    "depends on the memory's layout, or works in place": lambda y: y * (y.stride()[0] > 0),
    "works in place, and would else change the type or shape": lambda y: y.add_(
        torch.ones(1, 4, 1, 1, dtype=torch.float64)
    ),
}


@pytest.mark.parametrize("why", REASONS)
def test_the_reason_for_plain_batches(why: str, images: Tensor) -> None:
    seen = IncrementalModel(Worked(REASONS[why]).eval(), images[:1])
    assert seen.exact_by == "plain batches"
    assert why in str(seen.why)


def test_the_reason_for_plain_batches_in_a_layer_or_a_hook(images: Tensor) -> None:
    seen = IncrementalModel(Worked(lambda y: y, Changing()).eval(), images[:1])
    assert "an operation changes its input unasked" in str(seen.why)
    watched = Worked(lambda y: y).eval()
    watched.conv.register_forward_hook(lambda layer, inputs, output: output * 2)
    seen = IncrementalModel(watched, images[:1])
    assert "hooks watch the network, or another forward stands for its own" in str(seen.why)


if __name__ == "__main__":
    for place, pieces in unheard().items():
        print(place, " … ".join(pieces))
    print(len(unheard()), "of", len(messages()))
