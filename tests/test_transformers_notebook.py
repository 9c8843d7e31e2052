"""The checkers, the explorer and the changed attention of notebook 10."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
import torch
from torch import Tensor

from tests.explorers import controls as widgets_of
from vislib import controls, data
from vislib.attention import attention, attention_relevance, drop_tokens
from vislib.course import networks, transformers
from vislib.models import Classifier
from vislib.nets import SmallViT

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def model() -> Classifier:
    """A transformer with two blocks, whose attention is far from even."""
    network = SmallViT(size=32, width=16, depth=2, heads=2, seed=3)
    with torch.no_grad():
        network.places.mul_(50)  # so that the tokens differ
        for block in network.blocks:
            block.self_attn.in_proj_weight.mul_(6)  # type: ignore[union-attr, operator]
    return Classifier(network, classes=list("abcdef"), mean=0.4, std=0.3, input_size=32).eval().requires_grad_(False)


def _images(n: int = 3) -> Tensor:
    return torch.rand(n, 3, 32, 32, generator=torch.Generator().manual_seed(n))


# ---- how maps of tokens are drawn ----


def test_a_map_is_recentred_on_what_its_token_sees(model: Classifier) -> None:
    pixels = _images(8).requires_grad_()
    model.network.stem(pixels)[:, :, 2, 1].abs().sum().backward()  # type: ignore[operator, union-attr]
    assert pixels.grad is not None
    seen = pixels.grad.any(1).any(0)
    assert seen.nonzero().amin(0).tolist() == [9, 1]
    assert seen.nonzero().amax(0).tolist() == [23, 15]
    heat = torch.zeros(1, 32, 32)
    heat[:, 16:24, 8:16] = 1  # where the place is drawn
    drawn, moved = (of[0].nonzero().float().mean(0) for of in (heat, transformers.recentred(heat)))
    middle = torch.tensor([16.0, 8.0])
    assert (moved - middle).abs().max() <= 0.5 < 3 < (drawn - middle).abs().max()


def test_a_mask_on_the_grid_keeps_its_mass_and_loses_its_edges() -> None:
    masks = torch.zeros(1, 64, 64, dtype=torch.bool)
    masks[:, 20:33, 17:40] = True
    drawn = transformers.coarse(masks)
    assert float(drawn.sum()) == pytest.approx(float(masks.sum()), rel=1e-4)
    assert 0.3 < transformers.inside({"": drawn}, masks)[""] < 0.9


# ---- a network with other shares ----


def test_without_a_change_the_answers_are_those_of_the_network(model: Classifier) -> None:
    images = _images()
    assert torch.allclose(
        transformers.answers_with(model, images, lambda shares: shares, [0, 1]), model(images), atol=1e-5
    )


@pytest.mark.parametrize("change", [transformers.evened, transformers.shuffled])
def test_other_shares_still_add_up_and_change_the_answers(
    model: Classifier, change: Callable[[Tensor], Tensor]
) -> None:
    shares = torch.rand(2, 3, 17, 17).softmax(-1)
    changed = change(shares)
    assert torch.allclose(changed.sum(-1), torch.ones(2, 3, 17))
    assert torch.equal(changed[:, :, 1:], shares[:, :, 1:])
    assert torch.equal(changed[:, :, 0, 0], shares[:, :, 0, 0])
    assert not torch.allclose(changed, shares)
    images = _images()
    for block in (0, 1, -1):
        assert not torch.allclose(transformers.answers_with(model, images, change, [block]), model(images), atol=1e-5)


def test_evened_shares_are_even_shuffled_ones_the_same_shares_and_withheld_ones_none() -> None:
    shares = torch.rand(2, 3, 17, 17).softmax(-1)
    nothing = transformers.withheld(shares)
    assert torch.equal(nothing[:, :, 0], torch.eye(17)[0].expand(2, 3, 17))
    assert torch.equal(nothing[:, :, 1:], shares[:, :, 1:])
    even, other = transformers.evened(shares)[:, :, 0, 1:], transformers.shuffled(shares)[:, :, 0, 1:]
    assert torch.allclose(even, even[..., :1].expand_as(even))
    assert torch.equal(other.sort(-1).values, shares[:, :, 0, 1:].sort(-1).values)


def test_the_shares_are_those_of_the_explainer(model: Classifier) -> None:
    images, model = _images().double(), copy.deepcopy(model).double()  # sharp shares magnify rounding
    shares = transformers.shares_of(model, images)
    assert shares.shape == (3, 2, 2, 4, 4)
    for block in range(2):
        for head in range(2):
            small = torch.nn.functional.interpolate(shares[:, block, head][:, None], (32, 32), mode="bilinear")[:, 0]
            assert torch.allclose(attention(model, images, 0, block=block, head=head), small, atol=1e-9)


def test_a_share_inside_is_that_of_the_library() -> None:
    heat, masks = torch.rand(4, 8, 8), torch.rand(4, 8, 8) > 0.7
    expected = torch.stack([h[m].sum() / h.sum() for h, m in zip(heat, masks, strict=True)]).mean()
    assert transformers.inside({"one": heat}, masks)["one"] == pytest.approx(float(expected))


def test_a_board_has_the_verdict_of_each_test() -> None:
    judge, scenes = networks.trained("vit_object", device="cpu"), data.shapes(8, seed=31, device="cpu")
    assert scenes.masks is not None
    heat = {"truth": scenes.masks.float(), "random": controls.chance(judge, scenes.images, scenes.labels)}
    table = transformers.judged(judge, scenes, heat).set_index(["explainer", "test"])
    assert table.verdict["truth", "mass inside"] == "better"
    assert set(table.loc["random"].value) == {0.0}
    assert set(table.loc["random"].verdict) == {"inconclusive"}


# ---- exercises ----


def _rolled(shares: Tensor, *, own: float = 0.5, back: bool = False, head: int | None = None) -> Tensor:
    reached = torch.eye(shares.shape[-1])
    for step in shares.mean(1) if head is None else shares[:, head]:
        mixed = own * torch.eye(len(step)) + (1 - own) * step
        reached = reached @ mixed if back else mixed @ reached
    return reached


ROLLED: dict[str, tuple[Callable[..., Any], str, str]] = {
    "nothing": (lambda s: None, "not attempted", "Not attempted yet"),
    "right": (lambda s: _rolled(s)[0, 1:], "right", "Right"),
    "without itself": (lambda s: _rolled(s, own=0)[0, 1:], "wrong", "leave out what each token keeps"),
    "backwards": (lambda s: _rolled(s, back=True)[0, 1:], "wrong", "in the wrong order"),
    "one head": (lambda s: _rolled(s, head=0)[0, 1:], "wrong", "mean over all"),
    "a column": (lambda s: _rolled(s)[1:, 0], "wrong", "the column of the class token"),
    "the last": (lambda s: _rolled(s)[-1, :-1], "wrong", "the row of the last token"),
    "other": (lambda s: torch.zeros(5), "wrong", "expected 0."),
    "all tokens": (lambda s: _rolled(s)[0], "wrong", "expected (5,)"),
    "raises": (lambda s: 1 / 0, "wrong", "ZeroDivisionError"),
}


def _better(*asked: Any) -> Tensor:
    """The solution in the notebook."""
    notebook = nbformat.read(ROOT / "notebooks" / "10_transformers.ipynb", 4)
    (cell,) = (c for c in notebook.cells if c.cell_type == "markdown" and "def better(" in c.source)
    scope: dict[str, Any] = {"attention": attention, "drop_tokens": drop_tokens}
    exec(cell.source.split("```python")[1].split("```")[0], scope)
    return scope["better"](*asked)  # type: ignore[no-any-return]


MAPS: dict[str, tuple[Callable[..., Any], str, str]] = {
    "nothing": (lambda *a: None, "not attempted", "Not attempted yet"),
    "right": (_better, "right", "Right"),
    "attention itself": (attention, "wrong", "and attention has"),
    "relevance itself": (attention_relevance, "wrong", "go below it"),
    "edges": (controls.sobel, "wrong", "go below it"),
    "channels": (lambda m, x, t: x, "wrong", "expected"),
    "raises": (lambda *a: 1 / 0, "wrong", "ZeroDivisionError"),
}


@pytest.mark.parametrize(
    ("checker", "answer", "state", "part"),
    [
        *(pytest.param(transformers.check_rollout, *case, id=f"rollout: {name}") for name, case in ROLLED.items()),
        *(pytest.param(transformers.check_map, *case, id=f"map: {name}") for name, case in MAPS.items()),
    ],
)
def test_checkers(checker: Callable[..., Any], answer: Callable[..., Any], state: str, part: str) -> None:
    before = torch.get_rng_state()
    verdict = checker(answer)
    assert (verdict.state, part in verdict.message) == (state, True), verdict.message
    assert torch.equal(torch.get_rng_state(), before)


# ---- the explorer ----


def test_the_explorer_shows_the_shares_of_what_is_picked() -> None:
    images, masks = torch.rand(2, 3, 32, 32), torch.zeros(2, 32, 32, dtype=torch.bool)
    masks[:, :8, :8] = True
    shares = torch.rand(2, 3, 2, 4, 4)
    explorer = transformers.explorer(images, {"one": shares, "<two>": shares.flip(0)}, ["star", "<star>"], masks)
    found = widgets_of(explorer)
    name, network, block, head, words = (found[k] for k in ("image", "network", "block", "head", "HTML"))
    left, right = explorer.children[3].children
    assert (block.max, block.value, head.max) == (2, 2, 1)
    for k, j, i in ((0, 0, 0), (1, 1, 1), (2, 1, 0)):
        block.value, head.value, name.index = k, j, i
        grid = shares[i, k, j]
        assert f"<strong>{float(grid[0, 0] / grid.sum()):.2f}</strong>" in words.value
    before, picture = right.value, left.value
    network.value = "<two>"
    assert right.value != before
    assert left.value == picture
    assert "&lt;two&gt;" in words.value
    name.index = 1
    assert left.value != picture


def test_the_explorer_is_a_page_without_a_kernel() -> None:
    masks = torch.ones(1, 16, 16, dtype=torch.bool)
    bundle = transformers.explorer(
        torch.rand(1, 3, 16, 16), {"one": torch.rand(1, 2, 2, 4, 4)}, ["a"], masks
    )._repr_mimebundle_()
    assert bundle["text/plain"] == "Attention explorer: run this cell in JupyterLab"
    assert 'alt="A picture' in bundle["text/html"]


@pytest.mark.parametrize(("shape", "names"), [((2, 3, 2, 4, 4), 1), ((1, 3, 2, 4, 4), 2), ((2, 3, 2, 16), 2)])
def test_shares_that_do_not_fit_the_explorer_are_refused(shape: tuple[int, ...], names: int) -> None:
    masks = torch.ones(2, 16, 16, dtype=torch.bool)
    with pytest.raises(
        ValueError, match=r"the shares of one have shape .*; expected \(B, blocks, heads, rows, columns\)"
    ):
        transformers.explorer(torch.rand(2, 3, 16, 16), {"one": torch.rand(shape)}, ["a"] * names, masks)
