"""The contract: the one place that calls a model, which may do with its input what it likes; and shared options."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision import ops

from vislib import controls, faithfulness, roar, sanity, training
from vislib import gradients as g
from vislib.attention import drop_tokens
from vislib.course.networks import PatchEvidenceNet, patch_evidence
from vislib.data import ImageSet
from vislib.explain import answers, check_eval, closest, contrast, logit, takes
from vislib.look import unmasked
from vislib.models import Classifier
from vislib.nets import SmallCNN, SmallViT
from vislib.occlusion import occlusion, occlusion_grid, occlusion_logits, rise, shapley
from vislib.reconstruction import invert, reconstruct

TARGET = torch.tensor([3, 0, 4])


class Normalised(nn.Module):
    """A network that normalises first, in place or not: a common idiom, which overwrites whatever it is given."""

    def __init__(self, body: nn.Module, in_place: bool) -> None:
        super().__init__()
        self.body, self.in_place = body, in_place

    def forward(self, x: Tensor) -> Any:
        return self.body(x.sub_(0.5).div_(0.25) if self.in_place else x.sub(0.5).div(0.25))


def _body() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers = [nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, 5)]
        return nn.Sequential(*layers).eval()


def _known(images: Tensor) -> ImageSet:
    return ImageSet(images, TARGET, list("abcde"))


ROUTINES: dict[str, Callable[[nn.Module, Tensor], Any]] = {
    "answers": lambda m, x: answers(m, x, TARGET),
    "occlusion": lambda m, x: occlusion(m, x, TARGET, patch=4, stride=4),
    "occlusion in plain batches": lambda m, x: occlusion(m, x, TARGET, patch=4, stride=4, incremental=False),
    "rise": lambda m, x: rise(m, x, TARGET, samples=3, patch=4),
    "shapley": lambda m, x: shapley(m, x, TARGET, samples=3, patch=4),
    "gradient": lambda m, x: g.gradient(m, x, TARGET),
    "smoothgrad": lambda m, x: g.smoothgrad(m, x, TARGET, n=50),
    "integrated_gradients": lambda m, x: g.integrated_gradients(m, x, TARGET, steps=50),
    "completeness_gap": lambda m, x: g.completeness_gap(m, x, TARGET, x[:, 0]),
    "guided_backprop": lambda m, x: g.guided_backprop(m, x, TARGET),
    "grad_cam": lambda m, x: g.grad_cam(m, x, TARGET),
    "reconstruct": lambda m, x: reconstruct(m, 1, size=8, steps=3, shift=2),
    "reconstruct, unmoved": lambda m, x: reconstruct(m, 1, size=8, steps=3, shift=0, scale=0, rotate=0, l2=0.1),
    "reconstruct a unit": lambda m, x: reconstruct(m, 1, layer="body.0", size=8, steps=3),
    "invert": lambda m, x: invert(m, x, "body.0", steps=3),
    "deletion": lambda m, x: faithfulness.deletion(m, x, TARGET, controls.sobel, steps=3).scores,
    "insertion": lambda m, x: faithfulness.insertion(m, x, TARGET, controls.sobel, steps=3).scores,
    "cascade": lambda m, x: sanity.cascade(m, x, TARGET, controls.disc, blocks=["body.0"], seeds=2).values,
    "random networks": lambda m, x: [n(x.clone()) for _, n in sanity.randomised(m, x)],
    "top": lambda m, x: [p for row in Classifier(m).top(x) for _, p in row],
    "features": lambda m, x: Classifier(_Twice(m)).features(x),
    "accuracy": lambda m, x: training.accuracy(m, _known(x)),
    "fit": lambda m, x: training.fit(m, _known(x), epochs=2),
    "heatmaps": lambda m, x: roar.heatmaps({"gradient": g.gradient}, m, _known(x), _known(x))["gradient"],
    "road": lambda m, x: list(roar.road(m, {}, _known(x), fractions=(0.3,)).table["accuracy"]),
}


class _Twice(nn.Sequential):
    """Hands its input on as it is, so that what is inside meets the caller's own."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__(inner, nn.Linear(5, 2))
        nn.init.ones_(self[1].weight)


@pytest.fixture
def images() -> Tensor:
    """Three random images of 8 x 8 pixels."""
    return torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("name", ROUTINES)
def test_a_network_may_work_in_place_on_its_input(name: str, layout: torch.memory_format, images: Tensor) -> None:
    images = images.to(memory_format=layout)
    before = images.clone()
    expected = ROUTINES[name](Normalised(_body(), in_place=False).eval(), images)
    found = ROUTINES[name](Normalised(_body(), in_place=True).eval(), images)
    assert torch.equal(images, before)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


def test_the_votes_of_a_network_that_works_in_place(images: Tensor) -> None:
    images = images.repeat(1, 1, 4, 4)
    before = images.clone()
    plain, placed = (Normalised(PatchEvidenceNet(), in_place).eval() for in_place in (False, True))
    assert torch.equal(patch_evidence(placed, images, TARGET), patch_evidence(plain, images, TARGET))
    assert torch.equal(images, before)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            lambda x: x.mean((1, 2, 3)),
            r"the model returned shape \(3,\) for 3 images; expected logits of shape \(B, K\)",
        ),
        (lambda x: x[:2].mean((2, 3)), r"the model returned shape \(2, 3\) for 3 images"),
        (lambda x: {"logits": x}, "the model returned a dict for 3 images"),
        (lambda x: x[:, :3].mean((2, 3)), "target contains 4, and the model has 3 classes; expected 0 to 2"),
    ],
)
def test_what_is_no_answer(answer: Callable[[Tensor], Any], message: str, images: Tensor) -> None:
    with pytest.raises(ValueError, match=message):
        answers(answer, images, TARGET)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_copy_lies_in_memory_as_the_images_do(layout: torch.memory_format, images: Tensor) -> None:
    seen: list[Tensor] = []
    images = images.to(memory_format=layout).requires_grad_()
    logits = answers(partial(_noting, seen), images)
    assert seen[0].stride() == images.stride()
    assert seen[0].data_ptr() != images.data_ptr()
    assert torch.equal(torch.autograd.grad(logits.sum(), images)[0], torch.full_like(images, 1 / 64))


def _noting(seen: list[Tensor], x: Tensor) -> Tensor:
    seen.append(x)
    return x.mean((2, 3))


# ---- options that several routines share ----


@dataclass(frozen=True)
class Shared:
    height: int = 2
    width: int = 3


@takes(Shared)
def area(scale: int, *, width: int = 5, **options: Any) -> int:
    """Say how large it is."""
    shared = Shared(width=width, **options)
    return scale * shared.height * shared.width


def test_shared_options_are_taken_shown_and_refused_by_name() -> None:
    assert (area(1), area(2, height=7), area(1, width=1)) == (10, 70, 2)
    assert str(inspect.signature(area)) == "(scale: int, *, width: int = 5, height: int = 2) -> int"
    assert (area.__name__, area.__doc__) == ("area", "Say how large it is.")
    with pytest.raises(TypeError, match="area has no option 'heigth'; did you mean 'height'"):
        area(1, heigth=3)
    with pytest.raises(TypeError, match="area has no option 'zzz'; expected one of scale, width, height"):
        area(1, zzz=3)


PUBLIC: dict[Callable[..., Any], str] = {
    occlusion: "score patch stride fill incremental dtype batch_size progress",
    occlusion_grid: "score patch stride fill incremental dtype batch_size progress",
    occlusion_logits: "patch stride fill incremental dtype batch_size progress",
    rise: "samples patch fill score seed batch_size progress",
    shapley: "samples patch fill score seed batch_size progress",
    g.smoothgrad: "score n sigma seed batch_size progress",
    g.smoothgrad_squared: "score n sigma seed batch_size progress",
    g.vargrad: "score n sigma seed batch_size progress",
    faithfulness.deletion: "steps fill score seed batch_size",
    faithfulness.insertion: "steps fill score seed batch_size",
    reconstruct: "score layer size shift scale rotate steps seed parametrisation total_variation l2 learning_rate "
    "batch_size watch progress",
    invert: "total_variation steps seed parametrisation l2 learning_rate batch_size watch progress",
    roar.roar: "build_model fractions seeds keep controls fill mask_only base epochs learning_rate batch_size folder "
    "jobs progress",
}


@pytest.mark.parametrize("routine", PUBLIC, ids=lambda routine: routine.__name__)
def test_a_public_signature_names_every_option(routine: Callable[..., Any]) -> None:
    keywords = [p.name for p in inspect.signature(routine).parameters.values() if p.kind is p.KEYWORD_ONLY]
    assert keywords == PUBLIC[routine].split()
    required = [p for p in inspect.signature(routine).parameters.values() if p.kind is not p.KEYWORD_ONLY]
    with pytest.raises(TypeError, match=f"{routine.__name__} has no option 'progres"):
        routine(*required, progresss=True)


def test_the_names_that_are_close_or_all_of_them() -> None:
    assert closest("cta", ["cat", "dog", ""]) == "did you mean 'cat'?"
    assert closest("Cat", ["crate", "tiger cat", "cart", "Persian cat"]) == "did you mean 'tiger cat' or 'Persian cat'?"
    assert closest("relu", ["relu1", "relu2"]) in (
        "did you mean 'relu1' or 'relu2'?",
        "did you mean 'relu2' or 'relu1'?",
    )
    assert closest("zzz", ["cat", "", "dog"]) == "expected one of cat, dog."


# ---- why A rather than B ----

EXPLAINERS: dict[str, Callable[..., Tensor]] = {
    "occlusion": partial(occlusion, patch=4, stride=4),
    "gradient": g.pixel_gradient,
    "input x gradient": g.input_x_gradient,
    "integrated gradients": partial(g.integrated_gradients, steps=3),
}


@pytest.mark.parametrize("name", EXPLAINERS)
def test_a_contrast_is_the_difference_of_two_maps(name: str) -> None:
    """Each of these is linear in the score, so the map of A rather than B is A's minus B's, whatever the batch."""
    model, images = _body(), torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    explainer, others = EXPLAINERS[name], torch.full((3,), 2)
    expected = explainer(model, images, TARGET, score=logit) - explainer(model, images, others, score=logit)
    for batch_size in (None, 1):
        found = explainer(model, images, TARGET, score=contrast(2), batch_size=batch_size)
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
    assert not explainer(model, images, others, score=contrast(2)).any()


@pytest.mark.parametrize(
    "explainer",
    [partial(g.smoothgrad, n=2), partial(g.vargrad, n=2), g.guided_backprop, g.grad_cam, g.gradient],
)
def test_every_explainer_takes_a_contrast(explainer: Callable[..., Tensor]) -> None:
    images = torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(2))
    plain, other = (explainer(_body(), images, TARGET, score=score) for score in (logit, contrast(1)))
    assert other.shape == (3, 8, 8)
    assert not torch.equal(plain, other)


def test_a_picture_can_be_climbed_for_a_contrast() -> None:
    model = _body()
    picture = reconstruct(model, 3, score=contrast(0), size=8, steps=20, shift=0, scale=0, rotate=0)
    with torch.no_grad():
        gap, before = (logits[0, 3] - logits[0, 0] for logits in (model(picture), model(torch.full_like(picture, 0.5))))
    assert gap > before


@pytest.mark.parametrize("other", [-1, True, 1.0, "cat", None])
def test_the_other_class_is_an_index(other: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^other is .*; expected an int of at least 0\.$"):
        contrast(other)


def test_the_other_class_exists_and_is_not_masked() -> None:
    logits, target = torch.tensor([[0.0, 3.0, -torch.inf], [1.0, -2.0, 0.5]]), torch.tensor([1, 0])
    assert contrast(0)(logits, target).tolist() == [3.0, 0.0]
    for other in (2, 3, 1000):
        with pytest.raises(
            ValueError, match=rf"^other is {other}; expected a class of the 3 that the model does not mask\.$"
        ):
            contrast(other)(logits, target)


# ---- a reader's own functions may work in place ----


def _spoiled(function: Callable[..., Any], *places: int) -> Callable[..., Any]:
    """Return the function, which leaves nothing but zeros in what it was handed at these places."""

    def spoiling(*given: Any) -> Any:
        found = function(*(value.clone() if isinstance(value, Tensor) else value for value in given))
        for place in places:
            with torch.no_grad():
                given[place].zero_()
        return found

    return spoiling


def _by_grad(model: nn.Module, images: Tensor, target: Tensor) -> Tensor:
    """The gradient as tutorials take it, which adds up in the images that it is handed."""
    images.requires_grad_()
    logit(model(images), target).sum().backward()
    assert images.grad is not None
    return images.grad.abs().amax(1)


def _by_grad_of_a_copy(model: nn.Module, images: Tensor, target: Tensor) -> Tensor:
    return _by_grad(model, images.detach().clone(), target)


def _twins() -> sanity.Twins:
    return sanity.Twins(
        *([SmallCNN(size=8, classes=5, widths=(4,), seed=s).eval() for s in seeds] for seeds in ((0, 1), (2, 3)))
    )


def _numbers(result: Any) -> list[Tensor]:
    return [value for value in vars(result).values() if isinstance(value, Tensor)]


def _roar(x: Tensor, explainer: Any) -> Any:
    return roar.heatmaps({"own": explainer}, _body(), _known(x), _known(x))["own"]


MASKS = torch.ones(3, 8, 8, dtype=torch.bool).tril()
BY_EXPLAINER: dict[str, Callable[[Tensor, Any], Any]] = {
    "cascade": lambda x, e: _numbers(sanity.cascade(_body(), x, TARGET, e, seeds=2)),
    "random_labels": lambda x, e: _numbers(sanity.random_labels(_twins(), x, TARGET, e)),
    "deletion": lambda x, e: faithfulness.deletion(_body(), x, TARGET, e, steps=3).scores,
    "insertion": lambda x, e: faithfulness.insertion(_body(), x, TARGET, e, steps=3).scores,
    "pointing_game": lambda x, e: faithfulness.pointing_game(_body(), x, TARGET, e, MASKS),
    "mass_inside": lambda x, e: faithfulness.mass_inside(_body(), x, TARGET, e, MASKS),
    "heatmaps": _roar,
    "road": lambda x, e: list(roar.road(_body(), {"own": e}, _known(x), fractions=(0.3,)).table["accuracy"]),
}


@pytest.mark.parametrize("name", BY_EXPLAINER)
def test_an_explainer_may_work_in_place_on_images_and_target(name: str, images: Tensor) -> None:
    before, of = images.clone(), TARGET.clone()
    for plain, placed in ((g.gradient, _spoiled(g.gradient, 1, 2)), (_by_grad_of_a_copy, _by_grad)):
        found, expected = BY_EXPLAINER[name](images, placed), BY_EXPLAINER[name](images, plain)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)
    assert torch.equal(images, before)
    assert torch.equal(TARGET, of)
    assert not images.requires_grad


@pytest.mark.parametrize("name", ["cascade", "random_labels"])
def test_a_similarity_may_work_in_place_on_maps(name: str, images: Tensor) -> None:
    def explained(similarity: Any) -> Any:
        if name == "cascade":
            return _numbers(sanity.cascade(_body(), images, TARGET, g.gradient, seeds=2, similarity=similarity))
        return _numbers(sanity.random_labels(_twins(), images, TARGET, g.gradient, similarity=similarity))

    found, expected = (explained(similarity) for similarity in (_spoiled(sanity.spearman, 0, 1), sanity.spearman))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


def _margin(logits: Tensor, target: Tensor) -> Tensor:
    own = logit(logits, target)
    return own - logits.scatter(1, target[:, None], -torch.inf).amax(1)


def _bent() -> nn.Module:
    """Return a network that needs its logits for the way back."""
    return nn.Sequential(*_body(), nn.Tanh()).eval()


BY_SCORE: dict[str, Callable[[Tensor, Any], Any]] = {
    "occlusion": lambda x, s: occlusion(_bent(), x.tril(), TARGET, patch=4, stride=4, score=s, fill="black"),
    "occlusion, an int": lambda x, s: occlusion(_bent(), x.tril(), 2, patch=4, stride=4, score=s, fill="black"),
    "occlusion in plain batches": lambda x, s: occlusion(
        _bent(), x, TARGET, patch=4, stride=4, score=s, incremental=False
    ),
    "rise": lambda x, s: rise(_bent(), x, TARGET, samples=9, patch=4, score=s),
    "shapley": lambda x, s: shapley(_bent(), x, TARGET, samples=3, patch=4, score=s),
    "gradient": lambda x, s: g.gradient(_bent(), x, TARGET, score=s),
    "integrated_gradients": lambda x, s: g.integrated_gradients(_bent(), x, TARGET, steps=5, score=s),
    "grad_cam": lambda x, s: g.grad_cam(_bent(), x, TARGET, score=s),
    "deletion": lambda x, s: faithfulness.deletion(_bent(), x, TARGET, controls.sobel, steps=3, score=s).scores,
    "reconstruct": lambda x, s: reconstruct(_bent(), 1, size=8, steps=3, score=s),
}


@pytest.mark.parametrize("name", BY_SCORE)
def test_a_score_may_work_in_place_on_logits_and_target(name: str, images: Tensor) -> None:
    found, expected = (BY_SCORE[name](images, score) for score in (_spoiled(_margin, 0, 1), _margin))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


BY_FILL: dict[str, Callable[[Tensor, Any], Any]] = {
    "occlusion": lambda x, f: occlusion(_body(), x, TARGET, patch=4, stride=4, fill=f),
    "rise": lambda x, f: rise(_body(), x, TARGET, samples=9, patch=4, fill=f),
    "shapley": lambda x, f: shapley(_body(), x, TARGET, samples=3, patch=4, fill=f),
    "integrated_gradients": lambda x, f: g.integrated_gradients(_body(), x, TARGET, steps=5, baseline=f),
    "insertion": lambda x, f: faithfulness.insertion(_body(), x, TARGET, controls.sobel, steps=3, fill=f).scores,
}


@pytest.mark.parametrize("name", BY_FILL)
def test_a_fill_may_work_in_place_and_return_what_it_was_handed(name: str, images: Tensor) -> None:
    before = images.clone()
    found, expected = (BY_FILL[name](images, fill) for fill in (lambda x: x.mul_(0.5), lambda x: x / 2))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)
    assert torch.equal(images, before)


# ---- one image alone is no company ----


class Centred(nn.Module):
    """Its answer to an image depends on what stands beside it, by a share."""

    def __init__(self, share: float, body: nn.Module | None = None) -> None:
        super().__init__()
        self.body, self.share, self.asked = body or _body(), share, list[int]()

    def forward(self, x: Tensor) -> Any:
        self.asked.append(len(x))
        y = self.body(x)
        return y - self.share * y.mean(0)


IN_COMPANY: dict[str, Callable[[nn.Module, Tensor], Any]] = {
    "rise": lambda m, x: rise(m, x[:1], 0, patch=4, samples=9),
    "shapley": lambda m, x: shapley(m, x[:1], 0, patch=4, samples=3),
    "smoothgrad": lambda m, x: g.smoothgrad(m, x[:1], 0, n=4),
    "integrated_gradients": lambda m, x: g.integrated_gradients(m, x[:1], 0, steps=4),
    "deletion": lambda m, x: faithfulness.deletion(m, x, 0, partial(g.gradient, batch_size=1)),
    "insertion": lambda m, x: faithfulness.insertion(m, x, 0, partial(g.gradient, batch_size=1)),
    "drop_tokens": lambda m, x: drop_tokens(
        Centred(0.9, SmallViT(size=32, classes=5)).eval(), x[:1].repeat(1, 1, 4, 4), 0
    ),
    "insertion into black": lambda m, x: faithfulness.insertion(m, x, 0, controls.sobel, fill="black"),
    "after the same image twice": lambda m, x: [answers(m, x[:1].repeat(2, 1, 1, 1)), answers(m, x)],
    "after one alone": lambda m, x: [answers(m, x[:1]), answers(m, x)],
    "after two that were one": lambda m, x: [answers(m, x[:1]), answers(m, x[:1]), answers(m, x[1:])],
}


@pytest.mark.parametrize("name", IN_COMPANY)
def test_a_look_at_one_image_is_none_at_its_company(name: str, images: Tensor) -> None:
    with pytest.raises(ValueError, match="other images of a batch decide"):
        IN_COMPANY[name](Centred(0.9).eval(), images)


ALONE: dict[str, Callable[[nn.Module, Tensor], Any]] = {
    "gradient": lambda m, x: g.gradient(m, x[:1], 0),
    "rise": lambda m, x: rise(m, x[:1], 0, patch=4, samples=9, batch_size=1),
    "shapley": lambda m, x: shapley(m, x[:1], 0, patch=4, samples=3, batch_size=1),
    "smoothgrad": lambda m, x: g.smoothgrad(m, x[:1], 0, n=4, batch_size=1),
    "deletion": lambda m, x: faithfulness.deletion(m, x[:1], 0, partial(g.gradient, batch_size=1)),
}


@pytest.mark.parametrize("name", ALONE)
def test_a_network_that_needs_no_company_may_be_asked_alone(name: str, images: Tensor) -> None:
    ALONE[name](Centred(0.9).eval(), images)


def test_the_look_costs_one_image_and_another_when_company_comes(images: Tensor) -> None:
    for batches, asked in {
        (3, 3, 1, 2): [1, 3, 3, 1, 2],
        (1, 1, 1): [1, 1, 1, 1],
        (1, 3, 1, 3): [1, 1, 1, 3, 1, 3],
    }.items():
        network = Centred(0.0).eval()
        for count in batches:
            answers(network, images[:count])
        assert network.asked == asked


# ---- training mode that changes nothing ----


class DropPath(nn.Module):
    """Stochastic depth as timm names it."""

    def __init__(self, share: float | None) -> None:
        super().__init__()
        self.drop_prob = share


@pytest.mark.parametrize("share", [0, 0.0, 0.3])
@pytest.mark.parametrize(
    "layer",
    [
        nn.Dropout2d,
        nn.AlphaDropout,
        partial(ops.StochasticDepth, mode="row"),
        partial(ops.DropBlock2d, block_size=2),
        partial(ops.DropBlock3d, block_size=2),
        DropPath,
        lambda share: nn.MultiheadAttention(4, 2, dropout=share),
        lambda share: nn.GRU(3, 3, 2, dropout=share),
    ],
)
def test_a_layer_that_drops_a_share_of_0_is_the_same_in_both_modes(layer: Any, share: float) -> None:
    found = layer(share).train()
    if share == 0:
        check_eval(found)
    else:
        with pytest.raises(ValueError, match="is in training mode, which changes the answer"):
            check_eval(found)


@pytest.mark.filterwarnings("ignore:dropout option adds dropout")
@pytest.mark.parametrize("layer", [nn.RNN, nn.GRU, nn.LSTM])
def test_a_recurrent_layer_drops_between_layers_of_which_there_may_be_one(layer: Any) -> None:
    alone, x = layer(3, 3, 1, dropout=0.5), torch.rand(2, 1, 3)
    assert torch.equal(alone.train()(x)[0], alone.eval()(x)[0])
    check_eval(alone.train())
    with pytest.raises(ValueError, match="is in training mode"):
        check_eval(layer(3, 3, 2, dropout=0.5).train())


# ---- by what answers are measured ----


@pytest.mark.parametrize("mask", [-torch.inf, -1e4, -1e9, torch.finfo(torch.float32).min, 1e6])
@pytest.mark.parametrize("count", [0, 1, 2])
def test_the_largest_logit_that_is_no_mask(mask: float, count: int) -> None:
    logits = torch.tensor([[0.0, -3.0, 2.0, 0.0, 0.5, 1.0]])
    logits[:, 3 : 3 + count] = mask
    assert unmasked(logits) == 3
    assert unmasked(torch.full((2, 3), -torch.inf)) == unmasked(torch.zeros(4)) == 0
