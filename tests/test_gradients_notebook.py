"""The explorers, checkers and figures of notebook 05."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.state import unchanged
from vislib import data, models
from vislib.course import gradients
from vislib.course.figures import clipped
from vislib.data import TASKS
from vislib.models import Classifier


def _mid(slope: Any, x: Tensor, start: Tensor, steps: int, shift: float = 0.5) -> Tensor:
    return torch.stack([slope(start + (k + shift) / steps * (x - start)) for k in range(steps)]).mean(0)


INTEGRATE: dict[str, tuple[Callable[..., Any], str, str]] = {
    "nothing": (lambda *a: None, "not attempted", "Not attempted yet"),
    "right": (lambda f, x, s, n: (x - s) * _mid(f, x, s, n), "right", "Right"),
    "no distance": (_mid, "wrong", "multiply it by x - start"),
    "sum": (lambda f, x, s, n: n * (x - s) * _mid(f, x, s, n), "wrong", "divide by the number of steps"),
    "times x": (lambda f, x, s, n: x * _mid(f, x, s, n), "wrong", "the distance is x - start"),
    "left": (lambda f, x, s, n: (x - s) * _mid(f, x, s, n, 0.0), "wrong", "beginning of each piece"),
    "end": (lambda f, x, s, n: (x - s) * _mid(f, x, s, n, 1.0), "wrong", "end of each piece"),
    "from 0": (lambda f, x, s, n: (x - s) * _mid(f, x, 0 * s, n), "wrong", "You start at 0"),
    "other": (lambda f, x, s, n: x + 7, "wrong", "The first value is"),
    "shape": (lambda f, x, s, n: x[:2], "wrong", "shape (2,)"),
    "raises": (lambda *a: 1 / 0, "wrong", "ZeroDivisionError"),
}


@pytest.mark.parametrize("name", INTEGRATE)
def test_integrate(name: str) -> None:
    answer, state, part = INTEGRATE[name]
    verdict = gradients.check_integrate(answer)
    assert verdict.state == state
    assert part in verdict.message


def test_two_slopes_touch_their_curves_where_the_digit_is() -> None:
    digits, reader = data.digits()[:2], models.trained("digits")
    for k, image in enumerate(digits.images.split(1)):
        digit, curves, heat = gradients.two_slopes(reader, image, int(digits.labels[k])).axes[:3]
        places = [line.get_data() for line in digit.lines]
        assert places == [line.get_data() for line in heat.lines]
        found = []
        for ((column,), (row,)), slope, now in zip(places, curves.lines[1::3], curves.lines[2::3], strict=True):
            (x,), (y,) = now.get_data()
            assert x == float(image[0, 0, int(row), int(column)]) > 0.5
            near = image.clone().double().repeat(2, 1, 1, 1)
            near[:, 0, int(row), int(column)] += torch.tensor([-1e-3, 1e-3])
            below, above = reader(near.float())[:, digits.labels[k]].tolist()
            assert slope.get_slope() == pytest.approx((above - below) / 2e-3, abs=0.05)
            assert y == pytest.approx(float(reader(image)[0, digits.labels[k]]), abs=1e-4)
            found.append(abs(slope.get_slope()))
        assert found[0] > 0.5 > 0.1 > found[1]


def test_by_word_has_a_row_per_word_and_a_column_per_method(images: Tensor) -> None:
    maps = {"a": torch.rand(1, 16, 16), "b": torch.rand(1, 16, 16)}
    figure = gradients.by_word(images, {"cat": maps, "dog": {name: 0 * heat for name, heat in maps.items()}})
    assert [axis.get_title() for axis in figure.axes[:4]] == ["a", "b", "", ""]
    assert [[text.get_text() for text in axis.texts] for axis in figure.axes[:4]] == [["cat"], [], ["dog"], []]
    shown = [figure.axes[panel].images[-1].get_array() for panel in (0, 2)]
    assert len(set(map(tuple, shown[0].reshape(-1, 4).tolist()))) > 100  # each map has its own scale
    assert len(set(map(tuple, shown[1].reshape(-1, 4).tolist()))) == 1


def test_clipped_keeps_signs_and_bears_zeros() -> None:
    heat = torch.arange(-100.0, 101).reshape(1, 1, 201)
    out = clipped(torch.cat([heat, 0 * heat]))
    assert float(out.min()) == -1
    assert float(out.max()) == 1
    assert not out[1].any()
    assert bool((out[0].sign() == heat[0].sign()).all())


def test_the_step_explorer_moves_the_answer(cnn: nn.Module, images: Tensor) -> None:
    with unchanged(cnn):
        explorer = gradients.explorer(Classifier(cnn), images[:1], 2, size=0)
        way, far, words = explorer.children[0].children[1].children
        before = words.value
        far.value = 4
        assert words.value.count("<td>") == before.count("<td>") == 6
        down = explorer.children[0].children[0].value
        way.value = "up the gradient"
        assert explorer.children[0].children[0].value != down
    with pytest.raises(ValueError, match="expected one image"):
        gradients.explorer(Classifier(cnn), images, 2)


def test_right_guesses_score() -> None:
    answers = list("abcd")
    explorer = gradients.guess(torch.rand(4, 3, 8, 8), torch.rand(4, 8, 8), answers, list("wxyz"))
    one, two, words = explorer.children[0].children[1].children
    for answer, right in zip(answers, [True, False, True, True], strict=True):
        (one if (one.description == answer) == right else two).click()
    assert "Without a map: 1 of 2 right. With a map: 2 of 2 right." in words.value
    assert "Done" in words.value
    assert one.disabled
    with pytest.raises(ValueError, match="there are 4 images, 4 maps, 3 answers and 4 others"):
        gradients.guess(torch.rand(4, 3, 8, 8), torch.rand(4, 8, 8), answers[:3], list("wxyz"))


def test_maps_are_cut_each_at_its_own_percentile(images: Tensor) -> None:
    heat = torch.rand(1, 16, 16, generator=torch.Generator().manual_seed(3)) - 0.5
    figure = gradients.cut(images[:1], {"small": heat, "large": 1000 * heat}, signed=True)
    one, other = (axis.images[-1].get_array() for axis in figure.axes[1:3])
    assert np.allclose(one, other, atol=0.01)


def test_a_gradient_is_drawn_about_grey() -> None:
    slopes = (
        torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(4))
        * torch.tensor([1.0, 50])[:, None, None, None]
    )
    drawn = gradients.rescaled(slopes)
    assert drawn.min() == 0
    assert drawn.max() == 1
    assert torch.equal((drawn > 0.5)[slopes != 0], (slopes > 0)[slopes != 0])
    assert (drawn[0] - drawn[1]).abs().mean() < 0.3  # each to its own scale


def test_alike_is_the_correlation_of_each_image() -> None:
    a = torch.rand(3, 5, 5, generator=torch.Generator().manual_seed(5))
    found = gradients.alike(a, torch.stack([2 * a[0] + 1, -a[1], a[2].flip(0)]))
    torch.testing.assert_close(found[:2], torch.tensor([1.0, -1.0]))
    assert abs(float(found[2]) - float(np.corrcoef(a[2].flatten(), a[2].flip(0).flatten())[0, 1])) < 1e-5
    assert gradients.coarse(torch.ones(2, 32, 48)).shape == (2, 2, 3)


def test_two_networks_are_asked_about_the_same_scenes() -> None:
    scenes, asked = gradients.known_truth(6, seed=7)
    for network, of in asked.values():
        assert int((network(scenes.images).argmax(1) == of).sum()) >= 5
    explorer = gradients.game(scenes, asked, lambda net, x, of: gradients.vividness(net, x, of))
    one, two, _ = explorer.children[0].children[1].children
    task = {name: kind for kind in ("object", "texture") for name in TASKS[kind]}
    assert {task[one.description], task[two.description]} == {"object", "texture"}
    still = explorer._repr_mimebundle_()["text/html"]
    assert "Did the network say <em>" in still


def test_bars_of_means_have_their_interval() -> None:
    values = {"one": [torch.tensor([1.0, 2, 3]), torch.tensor([5.0, 5, 5])], "two": [torch.zeros(3), torch.ones(3)]}
    axis = gradients.means(values, ["a", "b"]).axes[0]
    low, high = axis.collections[0].get_segments()[0][:, 1]
    assert low < 2 < high
    assert abs(low + high - 4) < 1e-6
    assert np.ptp(axis.collections[0].get_segments()[1][:, 1]) == 0
    assert sorted(text.get_text() for text in axis.texts) == ["0.00", "1.00", "2.00", "5.00"]
