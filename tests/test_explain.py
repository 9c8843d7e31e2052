"""The contract: the one place that calls a model, which may do with its input what it likes; and shared options."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from vislib import controls, faithfulness, roar, sanity, training
from vislib import gradients as g
from vislib.course.networks import PatchEvidenceNet, patch_evidence
from vislib.data import ImageSet
from vislib.explain import answers, closest, contrast, logit, takes
from vislib.models import Classifier
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
