"""Deletion, insertion, pointing game and mass inside: by hand on 2 x 2 pixels, and in order from oracle to inverted map."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.state import unchanged
from vislib import faithfulness
from vislib.explain import logit
from vislib.faithfulness import LABELS, deletion, insertion, mass_inside, pointing_game


class Weighted(nn.Module):
    """A model whose first logit is a weighted sum of the pixels, so that the true map is known; the second is -1."""

    def __init__(self, weights: Tensor) -> None:
        super().__init__()
        self.weights = nn.Parameter(weights)

    def forward(self, images: Tensor) -> Tensor:
        total = (images[:, 0] * self.weights).sum((1, 2))
        return torch.stack([total, 0 * total - 1], 1)


@pytest.fixture
def model() -> Weighted:
    return Weighted(torch.tensor([[4.0, 2.0], [1.0, 0.0]])).eval()


WHITE = torch.ones(1, 1, 2, 2)


def _fixed(heatmap: Any) -> Callable[..., Tensor]:
    return lambda *_: torch.as_tensor(heatmap, dtype=torch.float32)[None]


def test_deletion_and_insertion_by_hand(model: Weighted) -> None:
    oracle = _fixed([[4, 2], [1, 0]])
    gone = deletion(model, WHITE, 0, oracle, steps=4, fill="black", score=logit)
    assert gone.fractions.tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert gone.scores.tolist() == [[7, 3, 1, 0, 0]]
    assert gone.areas.tolist() == [(3.5 + 3 + 1 + 0 + 0) / 4]
    come = insertion(model, WHITE, 0, oracle, steps=4, fill="black", score=logit)
    assert come.scores.tolist() == [[0, 4, 6, 7, 7]]
    assert come.areas.tolist() == [(0 + 4 + 6 + 7 + 3.5) / 4]


def test_an_oracle_is_best_a_random_map_in_the_middle_an_inverted_one_worst() -> None:
    generator = torch.Generator().manual_seed(0)
    weights = torch.rand(8, 8, generator=generator)
    model, images = Weighted(weights).eval(), torch.ones(20, 1, 8, 8)
    maps = {"oracle": weights.expand(20, 8, 8), "random": torch.rand(20, 8, 8, generator=generator)}
    maps["inverted"] = -maps["oracle"]
    for measure, sign in ((deletion, -1), (insertion, 1)):
        curves = {n: measure(model, images, 0, lambda *_, m=m: m, fill="black", score=logit) for n, m in maps.items()}
        oracle, random, inverted = (sign * float(curve.areas.mean()) for curve in curves.values())
        assert oracle > random + 2 > inverted + 4
    masks = (weights > 0.7).expand(20, 8, 8)
    for share in (pointing_game, mass_inside):
        values = {n: float(share(model, images, 0, lambda *_, m=m: m + 1, masks).mean()) for n, m in maps.items()}
        assert values["oracle"] > values["random"] > values["inverted"]


def test_pointing_game_and_mass_by_hand(model: Weighted) -> None:
    mask = torch.tensor([[[True, False], [True, False]]])
    assert pointing_game(model, WHITE, 0, _fixed([[4, 2], [1, 0]]), mask).tolist() == [1]
    assert pointing_game(model, WHITE, 0, _fixed([[1, 2], [1, 0]]), mask).tolist() == [0]
    assert pointing_game(model, WHITE, 0, _fixed([[3, 3], [1, 0]]), mask).tolist() == [0.5]  # two highest, one inside
    assert mass_inside(model, WHITE, 0, _fixed([[4, 2], [-9, 2]]), mask).tolist() == [
        0.5
    ]  # evidence against is no mass
    assert mass_inside(model, WHITE, 0, _fixed([[-4, -2], [0, 0]]), mask).tolist() == [0.5]  # no mass: as an even map


def test_ties_are_broken_by_the_seed_alone() -> None:
    flat = _fixed(torch.zeros(8, 8))
    model = Weighted(torch.rand(8, 8, generator=torch.Generator().manual_seed(1))).eval()
    images = torch.ones(1, 1, 8, 8)
    one, same, other = (deletion(model, images, 0, flat, score=logit, fill="black", seed=s).scores for s in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    top = torch.zeros(8, 8)
    top[0] = 1  # by position, a flat map would remove the whole first row in the first step
    assert deletion(Weighted(top).eval(), images, 0, flat, steps=8, fill="black", score=logit).scores[0, 1] > 0


def test_batches_change_nothing_and_state_is_left_alone(cnn: nn.Module, images: Tensor) -> None:
    heatmap = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(2))
    with unchanged(cnn):
        whole = deletion(cnn, images, 1, lambda *_: heatmap)
    parts = deletion(cnn, images, 1, lambda *_: heatmap, batch_size=2)
    torch.testing.assert_close(whole.scores, parts.scores)


def test_every_label_says_which_direction_is_better(model: Weighted) -> None:
    for name, label in LABELS.items():
        assert callable(getattr(faithfulness, name))
        assert label.endswith("(lower is better)" if name == "deletion" else "(higher is better)")
    assert deletion(model, WHITE, 0, _fixed([[0, 0], [0, 0]])).label == LABELS["deletion"]
    assert insertion(model, WHITE, 0, _fixed([[0, 0], [0, 0]])).label == LABELS["insertion"]


GOOD = torch.zeros(3, 16, 16)
BAD: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"steps": 0}, ValueError, "steps is 0; expected an int of at least 1"),
    ({"steps": 2.0}, TypeError, "steps is 2.0; expected an int"),
    ({"steps": True}, TypeError, "steps is True; expected an int"),
    ({"batch_size": 0}, ValueError, "batch_size is 0"),
    ({"fill": "blak"}, ValueError, "did you mean 'black'"),
    ({"target": 5}, ValueError, "target contains 5, and the model has 5 classes"),
    ({"target": -1}, ValueError, "target contains -1"),
    ({"explainer": lambda *_: GOOD[:2]}, ValueError, r"the heatmaps of the explainer came as shape \(2, 16, 16\)"),
    ({"explainer": lambda *_: None}, ValueError, "the heatmaps of the explainer came as a NoneType"),
    ({"explainer": lambda *_: GOOD * torch.nan}, ValueError, "the heatmaps of the explainer contain NaN"),
]


@pytest.mark.parametrize(("change", "kind", "message"), BAD)
@pytest.mark.parametrize("measure", [deletion, insertion])
def test_bad_input(
    measure: Callable[..., Any],
    change: dict[str, Any],
    kind: type[Exception],
    message: str,
    cnn: nn.Module,
    images: Tensor,
) -> None:
    options = {"target": 0, "explainer": lambda *_: GOOD} | change
    target, explainer = options.pop("target"), options.pop("explainer")
    with unchanged(cnn), pytest.raises(kind, match=message):
        measure(cnn, images, target, explainer, **options)


@pytest.mark.parametrize("measure", [pointing_game, mass_inside])
@pytest.mark.parametrize("masks", [GOOD, GOOD[:2] > 0, None])
def test_bad_masks(measure: Callable[..., Tensor], masks: Any, cnn: nn.Module, images: Tensor) -> None:
    with pytest.raises(ValueError, match=r"masks is .*; expected torch.bool \(3, 16, 16\)"):
        measure(cnn, images, 0, lambda *_: GOOD, masks)


@pytest.mark.parametrize("measure", [deletion, insertion])
def test_a_score_is_one_number_for_each_image(measure: Any, model: Weighted) -> None:
    for score in (lambda logits, target: logits.softmax(1), lambda logits, target: logits[:, 0] * torch.nan):
        with pytest.raises(ValueError, match=r"expected one floating-point number each|the score of an image is NaN"):
            measure(model, WHITE, 0, _fixed([[4, 2], [1, 0]]), steps=2, score=score)


def test_large_maps_in_half_precision_have_their_share_inside() -> None:
    network = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1, 2)).eval().half()
    masks = torch.zeros(1, 224, 224, dtype=torch.bool)
    masks[:, :112] = True
    share = mass_inside(
        network, torch.ones(1, 1, 224, 224).half(), 0, lambda *_: torch.full((1, 224, 224), 4.0).half(), masks
    )
    assert share.tolist() == [0.5]
