"""Notebook 01: networks that explain themselves, the tiles, the shortcut, and the figures, explorer and checkers."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import ipywidgets as widgets
import pytest
import torch
from matplotlib import pyplot as plt
from torch import Tensor, nn

from experiments import taxonomy as recipe
from tests.explorers import controls
from tests.state import unchanged
from vislib import data, training
from vislib.course import explanation_taxonomy, networks, results
from vislib.course.networks import PatchEvidenceNet, SelfExplainingNet, learned_mask, learned_words, patch_evidence
from vislib.course.tiles import tiles
from vislib.models import Classifier, checkpoints


@pytest.fixture
def patches() -> Classifier:
    return Classifier(PatchEvidenceNet(classes=5, patch=13, width=8).eval(), mean=0.5, std=0.25, input_size=64)


def _explaining(gated: bool) -> Classifier:
    network = SelfExplainingNet(classes=5, words=(3, 2), width=8, gated=gated).eval()
    return Classifier(network, mean=0.5, std=0.25, input_size=64)


@pytest.fixture
def pictures() -> Tensor:
    return torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(3))


# ---- transparent ----


@pytest.mark.parametrize("patch", [5, 13, 29])
@pytest.mark.parametrize("size", [(64, 64), (63, 70)])
def test_the_evidence_adds_up_to_the_logit(patch: int, size: tuple[int, int]) -> None:
    model = Classifier(PatchEvidenceNet(classes=5, patch=patch, width=8).eval(), mean=0.5, std=0.25)
    images = torch.rand(4, 3, *size, generator=torch.Generator().manual_seed(0))
    target = torch.tensor([0, 4, 2, 2])
    with torch.no_grad():
        logits = model(images)[torch.arange(4), target]
    heat = patch_evidence(model, images, target)
    assert heat.shape == (4, *size)
    torch.testing.assert_close(heat.double().sum((1, 2)).float(), logits, rtol=0, atol=1e-6)


def test_a_vote_sees_its_patch_and_nothing_else(patches: Classifier, pictures: Tensor) -> None:
    changed = pictures.clone()
    changed[..., 30, 30] = 1 - changed[..., 30, 30]
    with torch.no_grad():
        before, after = (patches.network.get_submodule("votes")(x) for x in (pictures, changed))
    moved = (before != after).any(1).any(0).nonzero()
    assert len(moved) > 0
    # the vote at row r sees the pixels 4 r to 4 r + 12
    assert (4 * moved.amin(0) + 12 >= 30).all()
    assert (4 * moved.amax(0) <= 30).all()


def test_the_evidence_lies_where_the_patches_look(patches: Classifier) -> None:
    images = torch.full((1, 3, 64, 64), 0.5)
    images[..., 40:50, 8:20] = 1
    heat = patch_evidence(patches, images, 0)[0]
    change = (heat - patch_evidence(patches, torch.full_like(images, 0.5), 0)[0]).abs()
    far = torch.ones(64, 64, dtype=torch.bool)
    far[40 - 24 : 50 + 24, : 20 + 24] = False
    assert change[40:50, 8:20].mean() > 0
    assert change[far].max() < 1e-6


def test_wrong_patches_are_refused() -> None:
    for patch in (4, 6, 1):
        with pytest.raises(ValueError, match=f"patch is {patch} pixels; expected 5, 13, 21"):
            PatchEvidenceNet(patch=patch)


# ---- learned ----


@pytest.mark.parametrize("gated", [False, True])
def test_the_explanation_has_its_form(gated: bool, pictures: Tensor) -> None:
    model = _explaining(gated)
    with unchanged(model):
        mask, words = learned_mask(model, pictures, 4), learned_words(model, pictures)
    assert mask.shape == (3, 64, 64)
    assert 0 <= float(mask.min()) <= float(mask.max()) <= 1
    assert words.shape == (3, 2)
    assert words.dtype == torch.int64
    assert torch.equal(mask, learned_mask(model, pictures, 0))  # one mask, whatever class is asked for


def test_behind_the_gate_nothing_outside_the_mask_counts(pictures: Tensor) -> None:
    model = _explaining(True)
    network = model.network
    assert isinstance(network, SelfExplainingNet)
    pixels = (pictures - 0.5) / 0.25
    with torch.no_grad():
        bias = network.mask_head.bias
        assert bias is not None
        bias -= network.told(pixels).mask.median()  # an untrained mask may be open, or shut, everywhere
        inside = networks._enlarged(network.told(pixels).mask, pictures) > 0
    outside = ~inside
    assert 0.2 < float(inside.float().mean()) < 0.8
    noise = torch.rand(pictures.shape, generator=torch.Generator().manual_seed(5))

    def logits(images: Tensor) -> Tensor:
        gate = network.behind_gate
        assert isinstance(gate, nn.Module)
        shown = (images - 0.5) / 0.25 * inside[:, None]
        answer: Tensor = network.class_head(gate(shown))  # type: ignore[operator]
        return answer

    with torch.no_grad():
        assert torch.allclose(logits(pictures), model(pictures), atol=1e-6)
        assert torch.equal(logits(torch.where(outside[:, None], noise, pictures)), logits(pictures))
        assert not torch.allclose(logits(torch.where(inside[:, None], noise, pictures)), logits(pictures), atol=1e-4)


def test_the_class_teaches_the_gate_nothing(pictures: Tensor) -> None:
    for gated in (False, True):
        model = _explaining(gated).train()
        model(pictures).sum().backward()
        network = model.network
        assert (network.get_parameter("features.0.weight").grad is None) == gated
        assert network.get_parameter("class_head.1.weight").grad is not None


def test_joint_training_reaches_every_part() -> None:
    train = data.shapes(54, size=32, label="colour", device="cpu")
    model = Classifier(SelfExplainingNet(size=32, width=8), classes=train.classes, mean=0.5, std=0.25, input_size=32)
    before = {name: weights.clone() for name, weights in model.named_parameters()}
    losses = networks.fit_jointly(model, train, epochs=3)
    assert losses[2] < losses[1] < losses[0]
    assert all(not torch.equal(weights, before[name]) for name, weights in model.named_parameters())


@pytest.mark.slow
def test_joint_training_learns_class_mask_and_word() -> None:
    train = data.shapes(324, size=32, label="colour", device="cpu")
    model = Classifier(SelfExplainingNet(size=32, width=16), classes=train.classes, mean=0.5, std=0.25, input_size=32)
    losses = networks.fit_jointly(model, train, epochs=12)
    assert losses[-1] < losses[0] / 2
    assert training.accuracy(model, train) > 0.6
    assert train.masks is not None
    assert float(recipe.overlap(learned_mask(model, train.images, 0) > 0.5, train.masks).mean()) > 0.2
    assert float((learned_words(model, train.images)[:, 0] == train.attributes["texture"]).float().mean()) > 0.7


def test_joint_training_refuses_what_it_cannot_learn_from() -> None:
    few = data.shapes(8, size=32, device="cpu")
    model = Classifier(SelfExplainingNet(size=32), mean=0.5, std=0.25)
    with pytest.raises(TypeError, match="around a PatchEvidenceNet; expected a SelfExplainingNet"):
        networks.fit_jointly(Classifier(PatchEvidenceNet()), few)
    with pytest.raises(ValueError, match="has no masks"):
        networks.fit_jointly(model, replace(few, masks=None))
    with pytest.raises(ValueError, match=r"words is \('taste',\).*expected masks, and 1 attributes"):
        networks.fit_jointly(model, few, words=("taste",))
    with pytest.raises(ValueError, match=r"words is \('texture', 'colour'\)"):
        networks.fit_jointly(model, few, words=("texture", "colour"))


EXPLAIN: dict[str, tuple[Callable[..., Tensor], str]] = {
    "patch_evidence": (lambda model, images, target=0: patch_evidence(model, images, target), "PatchEvidenceNet"),
    "learned_mask": (lambda model, images, target=0: learned_mask(model, images, target), "SelfExplainingNet"),
    "learned_words": (lambda model, images, target=0: learned_words(model, images), "SelfExplainingNet"),
}


@pytest.mark.parametrize("name", EXPLAIN)
def test_bad_input(name: str, cnn: nn.Module, images: Tensor, pictures: Tensor) -> None:
    explain, kind = EXPLAIN[name]
    with unchanged(cnn), pytest.raises(ValueError, match=f"there is no {kind} inside the Sequential"):
        explain(cnn, images)
    model = _explaining(False) if kind == "SelfExplainingNet" else Classifier(PatchEvidenceNet(classes=5).eval())
    with unchanged(model):
        with pytest.raises(ValueError, match="expected pixels in"):
            explain(model, 2 * pictures)
        with pytest.raises(TypeError, match=r"images has dtype torch\.int64"):
            explain(model, pictures.long())
        if name != "learned_words":
            with pytest.raises(ValueError, match="target contains 5, and the model has 5 classes"):
                explain(model, pictures, 5)
    with pytest.raises(ValueError, match="in training mode"):
        explain(model.train(), pictures)


def test_a_seed_fixes_the_weights_and_leaves_the_global_state_alone() -> None:
    state = torch.get_rng_state()
    for build in (PatchEvidenceNet, SelfExplainingNet):
        one, same, other = (build(seed=seed).state_dict() for seed in (0, 0, 1))
        assert all(torch.equal(one[key], same[key]) for key in one)
        assert any(not torch.equal(one[key], other[key]) for key in one)
    assert torch.equal(torch.get_rng_state(), state)


# ---- the tiles ----


def test_tiles_lie_far_apart_and_the_label_says_which_is_left() -> None:
    drawn = tiles(200, seed=4, device="cpu")
    background = data.shapes(200, seed=4, device="cpu")
    assert drawn.masks is not None
    outside = ~drawn.masks[:, None].expand_as(drawn.images)
    assert torch.equal(drawn.images[outside], background.images[outside])
    for image, mask, label in zip(drawn.images, drawn.masks, drawn.labels.tolist(), strict=True):
        columns = mask.any(0).nonzero()[:, 0]
        assert int(columns[6] - columns[5]) > 16
        halves = (mask & (torch.arange(64) <= columns[5]), mask & (torch.arange(64) >= columns[6]))
        (left,), (right,) = (image[:, half].unique().tolist() for half in halves)
        assert (left, right) == ((1, 0) if label == 0 else (0, 1))
    assert 0.45 < float(tiles(1500, size=16, device="cpu").labels.float().mean()) < 0.55
    assert torch.equal(tiles(50, seed=4, device="cpu").images, drawn.images[:50])
    with pytest.raises(ValueError, match="n is 0"):
        tiles(0)


def test_swapping_the_tiles_does_not_change_the_sum_of_the_votes(patches: Classifier) -> None:
    grey = torch.full((2, 3, 64, 64), 0.5)
    for left, right in ((9, 41), (12, 40), (15, 43)):  # columns of the same phase of the grid of patches
        for image, colours in zip(grey, ((1.0, 0.0), (0.0, 1.0)), strict=True):
            image[:] = 0.5
            image[:, 20:26, left : left + 6], image[:, 20:26, right : right + 6] = colours
        with torch.no_grad():
            one, other = patches(grey)
        assert torch.allclose(one, other, atol=1e-5) == (left % 4 == right % 4)


# ---- what ships, and the tables ----


@pytest.mark.parametrize(
    ("name", "at_least"),
    [("patches_colour", 0.9), ("patches_tiles", 0.0), ("explained_marked", 0.98), ("gated_marked", 0.6)],
)
def test_a_shipped_network_is_as_good_as_its_header_says(name: str, at_least: float) -> None:
    share = training.accuracy(networks.trained(name, device="cpu"), recipe.images(recipe.NETWORKS[name][2], test=True))
    assert share >= at_least
    assert share == pytest.approx(
        float(checkpoints.facts(name, networks.FOLDER)["accuracy"]), abs=0.01
    )  # float16 and other machines


def test_votes_that_are_added_up_do_not_tell_which_tile_is_left() -> None:
    pairs = recipe.images("tiles", test=True)
    assert training.accuracy(networks.trained("patches_tiles", device="cpu"), pairs) < 0.6


@pytest.mark.slow
def test_a_large_patch_knows_the_side_of_a_single_tile() -> None:
    pairs = tiles(540, seed=1, device="cpu")
    assert pairs.masks is not None
    model = recipe.classifier(PatchEvidenceNet(classes=2, patch=29), pairs)
    training.fit(model, recipe.images("tiles"), epochs=recipe.EPOCHS)
    for covered in (torch.arange(64) < 32, torch.arange(64) >= 32):
        one = torch.where((pairs.masks & covered)[:, None], 0.5, pairs.images)
        assert training.accuracy(model, replace(pairs, images=one)) > 0.9


def test_the_class_follows_the_mark_and_the_mask_stays_unless_there_is_a_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipe, "EXPLAINED", 27)
    lying = recipe.images("lying", test=True)[:108]
    plain, gated = (
        recipe.follows(networks.trained(f"{n}_marked", device="cpu"), lying) for n in ("explained", "gated")
    )
    assert plain["follows_mark"] > 0.95
    assert plain["accuracy"] < 0.05
    assert plain["mask_overlap"] > 0.5
    assert plain["occlusion_finds_mark"] > 0.9
    assert gated["follows_mark"] < 0.1
    assert gated["accuracy"] > 0.8
    assert gated["mask_overlap"] > 0.5


def test_the_effect_is_clear_in_nine_of_ten_seeds() -> None:
    table = results.stored("shortcut")
    plain, gated = table[~table.gated], table[table.gated]
    assert len(plain) == len(gated) == 10
    assert ((plain.follows_mark > 0.9) & (plain.mask_overlap > 0.5)).sum() >= 9
    assert ((gated.follows_mark < 0.1) & (gated.accuracy > 0.8)).sum() >= 9


@pytest.mark.slow
def test_the_effect_is_there_with_a_seed_that_no_table_holds() -> None:
    row = recipe.shortcut(False, 10)
    assert row["follows_mark"] > 0.9
    assert row["mask_overlap"] > 0.5
    assert row["occlusion_finds_mark"] > 0.9


# ---- figures, explorer, exercises ----


def test_figures_show_what_they_are_given() -> None:
    plt.switch_backend("agg")
    few = data.shapes(3, device="cpu")
    assert few.masks is not None
    figure = explanation_taxonomy.told(few.images, {"before": (few.masks, ["a", "b", "c"])}, titles=["x", "y", "z"])
    texts = [text.get_text() for axis in figure.axes for text in axis.texts]
    assert {"a", "b", "c", "before"} <= set(texts)
    assert [axis.get_title() for axis in figure.axes] == ["x", "y", "z"]
    figure = explanation_taxonomy.intervals(
        {"accuracy": {"one": [0.1, 0.2], "two": [0.5, 0.9]}, "cost": {"one": [1], "two": [2]}}
    )
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["one", "two"]
    assert [axis.get_xlabel() for axis in figure.axes] == ["accuracy", "cost"]
    assert figure.axes[0].lines[2].get_xdata() == pytest.approx([0.15])
    plt.close("all")


def test_of_a_tile_a_small_patch_sees_the_same_in_the_mirror_and_a_large_one_does_not() -> None:
    pairs = tiles(60, seed=8, device="cpu")
    images, rows = explanation_taxonomy.patches_at_a_tile(pairs.images, (13, 29))
    [(places, lines)] = rows.values()
    assert lines == [f"{side} pixels, on the {way}" for side in (13, 29) for way in ("left", "right")]
    assert places.sum((1, 2)).tolist() == [169, 169, 841, 841]

    def white(k: int) -> Tensor:
        return (images[k].amin(0)[places[k]] == 1).view(2 * [13 if k < 2 else 29]).any(0).nonzero()[:, 0]

    assert abs(int(white(0)[0]) - int(white(1)[0])) <= 1
    assert int(white(3)[0]) - int(white(2)[0]) > 3


def test_an_explainer_is_counted_against_chance(
    monkeypatch: pytest.MonkeyPatch, asked: tuple[Classifier, Tensor]
) -> None:
    model, _ = asked
    monkeypatch.setattr(data, "PHOTOS", ("cat", "coffee"))
    count = explanation_taxonomy.against_chance
    assert count(lambda *_: None, model).state == "not attempted"
    assert "expected a tensor (1, 64, 64)" in count(lambda model, images, target: images, model).message
    assert "IndexError" in count(lambda model, images, target: images[0, 7], model).message

    def slope(model: nn.Module, images: Tensor, target: Tensor) -> Tensor:
        pixels = images.clone().requires_grad_()
        logit = model(pixels)[:, target].sum()  # a linear network: what counts is known exactly
        [gradient] = torch.autograd.grad(logit, pixels)
        mean = images.mean((2, 3), keepdim=True)
        return (gradient * (images - mean)).sum(1)

    assert count(slope, model).message.startswith("On 2 of 2")
    assert count(lambda *given: -slope(*given), model).message.startswith("On 0 of 2")


@pytest.fixture
def asked() -> tuple[Classifier, Tensor]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = nn.Sequential(nn.AvgPool2d(8), nn.Flatten(), nn.Linear(192, 4)).eval()
    names = ["cat", "dog", "<b>", "cup"]
    return Classifier(network, classes=names, std=0.2, input_size=64), torch.rand(
        1, 3, 64, 64, generator=torch.Generator().manual_seed(1)
    )


def test_who_asks_changes_the_explanation(asked: tuple[Classifier, Tensor]) -> None:
    model, image = asked
    with unchanged(model):
        explorer = explanation_taxonomy.explorer(model, image, 2, patch=16, facts={"trained on": "noise"})
        found = controls(explorer)
        seen = []
        for who in found["who asks?"].options:
            found["who asks?"].value = who
            seen.append((found["HTML"].value, found["Image"].value))
    assert len({words for words, _ in seen}) == len({picture for _, picture in seen}) == 3
    user, engineer, auditor = (re.sub("</?bdi>", "", words) for words, _ in seen)
    assert "&lt;b&gt;" in user
    assert "<b><b></b>" not in user
    with torch.no_grad():
        logits = model(image)[0]
        mirrored = int(model(image.flip(3)).argmax())
    assert f"<td>{float(logits.max()):.1f}</td>" in engineer
    assert "trained on: noise" in auditor
    assert ("mirrored: same answer" in auditor) == (mirrored == 2)


def test_the_audience_explorer_is_a_page_without_a_kernel(asked: tuple[Classifier, Tensor]) -> None:
    bundle = explanation_taxonomy.explorer(*asked, 0, patch=16)._repr_mimebundle_()
    assert bundle["text/html"].count("data:image/jpeg") == 3
    assert "For an auditor" in bundle["text/html"]
    assert bundle["text/plain"].startswith("Audience explorer")
    assert isinstance(explanation_taxonomy.explorer(*asked, 0, patch=16), widgets.VBox)
    with pytest.raises(ValueError, match=r"expected one image \(1, C, H, W\)"):
        explanation_taxonomy.explorer(asked[0], asked[1].expand(2, -1, -1, -1), 0)


INSIDE: list[tuple[Callable[..., Any], str, str]] = [
    (lambda h, m: h.clamp(min=0)[m].sum() / h.clamp(min=0).sum(), "right", "7 of the 10"),
    (lambda h, m: None, "not attempted", "return None"),
    (lambda h, m: h[m].sum() / h.sum(), "wrong", "negative values too"),
    (lambda h, m: h[m].abs().sum() / h.abs().sum(), "wrong", "drop the signs"),
    (lambda h, m: (h[m] > 0).sum() / (h > 0).sum(), "wrong", "count pixels"),
    (lambda h, m: h.clamp(min=0)[m].sum(), "wrong", "divide it"),
    (lambda h, m: 0.1, "wrong", "expected 0.7, and yours is 0.1"),
    (lambda h, m: h, "wrong", "returns a Tensor; expected one number"),
    (lambda h: h, "wrong", "raises TypeError"),
]


@pytest.mark.parametrize(("function", "state", "part"), INSIDE)
def test_inside(function: Callable[..., Any], state: str, part: str) -> None:
    verdict = explanation_taxonomy.check_inside(function)
    assert verdict.state == state
    assert part in verdict.message


FOLLOWED: list[tuple[Callable[..., Any], str, str]] = [
    (lambda b, a, m: (a == m)[b != a].float().mean(), "right", "three of the four"),
    (lambda b, a, m: None, "not attempted", "return None"),
    (lambda b, a, m: (a == m).float().mean(), "wrong", "leave out those"),
    (lambda b, a, m: (a != b).float().mean(), "wrong", "ask where they went"),
    (lambda b, a, m: ((a == m) & (a != b)).float().mean(), "wrong", "divide by those that changed"),
    (lambda b, a, m: (a == m)[b != m].float().mean(), "wrong", "ask whose answer changed"),
    (lambda b, a, m: 0.1, "wrong", "expected 0.75, and yours is 0.1"),
    (lambda b, a, m: "most", "wrong", "returns a str; expected one number"),
]


@pytest.mark.parametrize(("function", "state", "part"), FOLLOWED)
def test_followed(function: Callable[..., Any], state: str, part: str) -> None:
    verdict = explanation_taxonomy.check_followed(function)
    assert verdict.state == state
    assert part in verdict.message
