"""Every public routine as a call of (model, images, target), with which a device is tested.

A routine is entered the day it is written; a test fails when one is missing.
"""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from tests.pretend import PretendTensor, to_pretend
from vislib import attention as attending
from vislib import controls, data, embedding, explain, faithfulness, fills, gradients, models, nets, sanity, training
from vislib.activations import record
from vislib.course import networks
from vislib.course.tiles import tiles
from vislib.incremental import IncrementalModel
from vislib.models import Classifier
from vislib.occlusion import occlusion, occlusion_grid, occlusion_logits, rise, shapley
from vislib.reconstruction import History, invert, moved, reconstruct, resized
from vislib.roar import heatmaps, road, roar

Routine = Callable[[nn.Module, Tensor, Tensor], Any]


def _classifier(model: nn.Module) -> Classifier:
    return Classifier(model, mean=(0.4, 0.5, 0.6), std=0.3, input_size=16)


def _image_set(images: Tensor, target: Tensor) -> data.ImageSet:
    return data.ImageSet(images, target, "abcde", images[:, 0] > 0.5, {"k": target})


def _small(images: Tensor, target: Tensor) -> data.ImageSet:
    """Return images of 4 x 4 pixels: linear imputation solves a system of equations for them."""
    return _image_set(images[..., :4, :4].contiguous(), target)


def _features(model: nn.Module, images: Tensor) -> Tensor:
    return model(images).detach()


def _recorded(model: nn.Module, images: Tensor) -> Tensor:
    with record(model, ["0"]) as seen:
        model(images)
    return seen["0"]


def _values(result: sanity.Cascade | sanity.RandomLabels) -> list[Tensor]:
    return [result.values, result.floor if isinstance(result, sanity.Cascade) else result.ceiling]


def _like(model: nn.Module, other: nn.Module) -> nn.Module:
    """Put another network where the model is."""
    weight = next(model.parameters())
    return to_pretend(other) if isinstance(weight, PretendTensor) else other.to(weight.device)


def _scaled(model: nn.Module, seed: int) -> nn.Module:
    """Return a copy with other weights for each seed."""
    other = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter *= 1 + seed / 10
    return other


def _patches(model: nn.Module) -> nn.Module:
    return _like(model, networks.PatchEvidenceNet(classes=5, width=4).eval())


def _vit(model: nn.Module) -> nn.Module:
    return _like(model, nets.SmallViT(classes=5, size=16, width=8, depth=2, heads=2).eval())


def _explaining(model: nn.Module, gated: bool = False) -> nn.Module:
    return _like(model, networks.SelfExplainingNet(classes=5, size=16, width=4, gated=gated).eval())


class _One(nn.Module):
    """Answers one number per image."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.model(images)
        return logits[:, 0].detach()


def _watched(model: nn.Module, target: Tensor) -> list[Tensor]:
    history = History(keep=[1])
    reconstruct(model, target, steps=3, size=16, watch=history)
    return [history.pictures[1], *history.scores]


def _fitted(model: nn.Module, images: Tensor, target: Tensor) -> list[Tensor]:
    """Train a copy for three steps, and see what it answers."""
    network = copy.deepcopy(model)
    losses = training.fit(network, _image_set(images, target), epochs=3)
    return [network(images).detach(), torch.tensor(losses).to(images.device)]


def _fitted_jointly(model: nn.Module, images: Tensor, target: Tensor) -> Tensor:
    network = _like(model, _classifier(networks.SelfExplainingNet(classes=5, words=(5,), size=16, width=4)))
    networks.fit_jointly(network, _image_set(images, target), words=("k",), epochs=3)
    return network(images).detach()


def _answers(model: nn.Module, images: Tensor, method: str) -> list[Tensor]:
    """Paste a patch into each image, and return what the incremental model answers."""
    seen = IncrementalModel(model, images)
    which = torch.arange(len(images), device=images.device)
    patch = images[..., :5, :5]
    if method == "run":
        return [seen.clean, seen.run(patch, which, which, which)]
    cpu = which.cpu().numpy()
    return [logits for _, logits in seen.stream(lambda chosen: patch[chosen], (5, 5), cpu, cpu, cpu)]


def _swept(model: nn.Module, images: Tensor, target: Tensor, **options: Any) -> list[float]:
    """Return the accuracies of a small sweep, as numbers that belong to no device."""
    whole = _small(images, target)
    sweep = roar(
        {"brightness": _brightness},
        whole,
        whole,
        build_model=lambda seed: copy.deepcopy(model),
        base=model,
        fractions=(0.5,),
        seeds=1,
        epochs=1,
        jobs=1,
        **options,
    )
    accuracies: list[float] = sweep.table["accuracy"].tolist()
    return accuracies


def _brightness(model: nn.Module, images: Tensor, target: int | Tensor) -> Tensor:
    return images.mean(1)


ROUTINES: dict[str, Routine] = {
    "explain.answers": lambda model, images, target: explain.answers(model, images, target),
    "explain.logit": lambda model, images, target: explain.logit(model(images), target),
    "explain.probability": lambda model, images, target: explain.probability(model(images), target),
    "explain.contrast": lambda model, images, target: explain.contrast(1)(model(images), target),
    "occlusion.occlusion": lambda model, images, target: occlusion(model, images, target, patch=5, stride=3),
    "occlusion.occlusion_grid": lambda model, images, target: occlusion_grid(model, images, target, patch=5, stride=3),
    "occlusion.occlusion_logits": lambda model, images, target: occlusion_logits(model, images, patch=5, stride=3),
    "occlusion.rise": lambda model, images, target: rise(model, images, target, samples=5, patch=7),
    "occlusion.shapley": lambda model, images, target: shapley(model, images, target, samples=2, patch=7),
    **{
        f"gradients.{name}": lambda model, images, target, name=name, options=options: getattr(gradients, name)(
            model, images, target, **options
        )
        for name, options in {
            "gradient": {},
            "pixel_gradient": {},
            "input_x_gradient": {},
            "smoothgrad": {"n": 3},
            "smoothgrad_squared": {"n": 3},
            "vargrad": {"n": 3},
            "integrated_gradients": {"steps": 3, "baseline": "noise"},
            "guided_backprop": {},
            "grad_cam": {},
        }.items()
    },
    "gradients.completeness_gap": lambda model, images, target: gradients.completeness_gap(
        model, images, target, images[:, 0]
    ),
    **{
        f"attention.{name}": lambda model, images, target, name=name: getattr(attending, name)(
            _vit(model), images, target
        )
        for name in ("attention", "rollout", "attention_relevance", "drop_tokens")
    },
    "sanity.cascade": lambda model, images, target: _values(
        sanity.cascade(model, images, target, gradients.gradient, seeds=2)
    ),
    "sanity.randomised": lambda model, images, target: [
        network(images) for _, network in sanity.randomised(model, images, order="independent")
    ],
    "sanity.random_labels": lambda model, images, target: _values(
        sanity.random_labels(
            sanity.Twins([model, _scaled(model, 1)], [_scaled(model, 2), _scaled(model, 3)]),
            images,
            target,
            gradients.input_x_gradient,
        )
    ),
    "sanity.label_twins": lambda model, images, target: [
        network(images)
        for network in sanity.label_twins(
            lambda seed: _scaled(model, seed), _image_set(images, target), epochs=1, fitted=0, seeds=2
        ).permuted
    ],
    "sanity.interval": lambda model, images, target: sanity.interval(
        model(images).detach()[None] + images[:, :1, :1, 0], images[:, 0, 0, :5]
    ),
    "sanity.spearman": lambda model, images, target: sanity.spearman(
        images[:, 0], model(images)[:, :1, None] + images[:, 1], where=images[:, 0] > 0.2
    ),
    "sanity.ssim": lambda model, images, target: sanity.ssim(images[:, 0], model(images)[:, :1, None] + images[:, 1]),
    "sanity.hog": lambda model, images, target: sanity.hog(
        images[:, 0], model(images)[:, :1, None] + images[:, 1], cell=4
    ),
    "models.Classifier": lambda model, images, target: _classifier(model)(images),
    "models.TwoClasses": lambda model, images, target: models.TwoClasses(_One(model))(images),
    "models.Classifier.features": lambda model, images, target: _classifier(model).features(images),
    "models.Classifier.top": lambda model, images, target: _classifier(model).top(images, k=2),
    "models.Classifier.preprocess": lambda model, images, target: (
        _classifier(model).preprocess(images[:1].cpu()) + 0 * images
    ),
    **{
        f"fills.{name}": lambda model, images, target, name=name: occlusion(
            model, images, target, patch=5, stride=3, fill=name
        )
        for name in fills.FILLS
    },
    "data.shapes": lambda model, images, target: model(data.shapes(3, size=16, device=images.device).images),
    "data.ImageSet": lambda model, images, target: model(_image_set(images, target)[target < 4].split(1)[0].images),
    "activations.record": lambda model, images, target: _recorded(model, images),
    "embedding.pca": lambda model, images, target: embedding.pca(_features(model, images)).points,
    "embedding.Projection.transform": lambda model, images, target: embedding.pca(
        _features(model, images), 1
    ).transform(_features(model, images)[:2]),
    "embedding.tsne": lambda model, images, target: embedding.tsne(
        _features(model, images).repeat(3, 1), perplexity=2, exact=True, iterations=250
    ),
    "embedding.nearest": lambda model, images, target: embedding.nearest(_features(model, images), k=2),
    "embedding.neighbour_accuracy": lambda model, images, target: embedding.neighbour_accuracy(
        _features(model, images), target % 2, k=1
    ),
    "embedding.trustworthiness": lambda model, images, target: embedding.trustworthiness(
        _features(model, images), _features(model, images)[:, :1], k=1
    ),
    "embedding.class_weights": lambda model, images, target: model(images) @ embedding.class_weights(model),
    "training.accuracy": lambda model, images, target: training.accuracy(model, _image_set(images, target)),
    "nets.SmallCNN": lambda model, images, target: _like(model, nets.SmallCNN(size=16, widths=(4, 4)).eval())(images),
    "nets.SmallViT": lambda model, images, target: _vit(model)(images),
    "reconstruction.reconstruct": lambda model, images, target: reconstruct(model, target, steps=3, size=16),
    "reconstruction.reconstruct of a unit": lambda model, images, target: reconstruct(
        model, target, layer="4", parametrisation="pixels", steps=3, size=16
    ),
    "reconstruction.invert": lambda model, images, target: invert(model, images, "4", steps=3),
    "reconstruction.moved": lambda model, images, target: model(moved(images, n=2)),
    "tiles.tiles": lambda model, images, target: model(tiles(3, size=16, device=images.device).images),
    "networks.PatchEvidenceNet": lambda model, images, target: _patches(model)(images),
    "networks.SelfExplainingNet": lambda model, images, target: _explaining(model)(images),
    "networks.SelfExplainingNet gated": lambda model, images, target: _explaining(model, True)(images),
    "networks.patch_evidence": lambda model, images, target: networks.patch_evidence(_patches(model), images, target),
    "networks.learned_mask": lambda model, images, target: networks.learned_mask(_explaining(model), images, target),
    "networks.learned_words": lambda model, images, target: networks.learned_words(_explaining(model), images),
    "controls.sobel": controls.sobel,
    "controls.chance": controls.chance,
    "controls.disc": controls.disc,
    "controls.blurred": controls.blurred(controls.sobel, sigma=1.0),
    "faithfulness.deletion": lambda model, images, target: (
        faithfulness.deletion(model, images, target, _brightness).areas
    ),
    "faithfulness.insertion": lambda model, images, target: (
        faithfulness.insertion(model, images, target, _brightness).areas
    ),
    "faithfulness.pointing_game": lambda model, images, target: faithfulness.pointing_game(
        model, images, target, _brightness, images[:, 0] > 0.5
    ),
    "faithfulness.mass_inside": lambda model, images, target: faithfulness.mass_inside(
        model, images, target, _brightness, images[:, 0] > 0.5
    ),
    "roar.roar": _swept,
    "roar.roar linear": lambda model, images, target: _swept(model, images, target, fill="linear"),
    "roar.roar mask_only": lambda model, images, target: _swept(model, images, target, mask_only=True),
    "roar.road": lambda model, images, target: (
        road(model, {"brightness": _brightness}, _small(images, target), fractions=(0.5,)).table["accuracy"].tolist()
    ),
    "roar.heatmaps": lambda model, images, target: list(
        heatmaps({}, model, *[_image_set(images, target)] * 2, controls=["random", "blurred"]).values()
    ),
    "fills.canvas": lambda model, images, target: model(fills.canvas(lambda x: 1 - x, images)),
    "fills.gaussian": lambda model, images, target: model(fills.gaussian(images, 1.5)),
    "fills.inpaint": lambda model, images, target: model(fills.inpaint(images, target % 3, target, target, (5, 6))),
    "fills.patches": lambda model, images, target: model(
        fills.patches("noise", images, (5, 6))(target % 3, target, target)
    ),
    "fills.windows": lambda model, images, target: model(fills.windows(images, target % 3, target, target, (5, 6))),
    "data.digits": lambda model, images, target: model(
        data.digits(device=images.device).images[:3].expand(-1, 3, -1, -1)
    ),
    "data.ImageSet.split": lambda model, images, target: model(_image_set(images, target).split(1)[1].images),
    "data.ImageSet.to": lambda model, images, target: model(
        _image_set(images.cpu(), target.cpu()).to(images.device).images
    ),
    "faithfulness.Curve.areas": lambda model, images, target: (
        faithfulness.deletion(model, images, target, _brightness, steps=3, fill="noise").areas
    ),
    "incremental.IncrementalModel.exact_by": lambda model, images, target: [
        IncrementalModel(model, images, incremental=IncrementalModel(model, images).exact_by == "increments").clean
    ],
    "incremental.IncrementalModel.run": lambda model, images, target: _answers(model, images, "run"),
    "incremental.IncrementalModel.stream": lambda model, images, target: _answers(model, images, "stream"),
    "models.load": lambda model, images, target: _like(model, models.load(device="cpu"))(images),
    "models.trained": lambda model, images, target: _like(model, models.trained("shapes_object", device="cpu"))(
        resized(images, 64)
    ),
    "networks.SelfExplainingNet.told": lambda model, images, target: list(_explaining(model).told(images)),  # type: ignore[operator]
    "reconstruction.reconstruct watched": lambda model, images, target: _watched(model, target),
    "reconstruction.resized": lambda model, images, target: model(resized(images, 24)),
    "training.fit": _fitted,
    "networks.fit_jointly": _fitted_jointly,
}


PLAIN = (".top", "accuracy", "trustworthiness", ".roar", ".roar linear", ".roar mask_only", ".road")  # plain numbers


def tensors(result: Any) -> list[Tensor]:
    if isinstance(result, Tensor):
        return [result]
    if isinstance(result, tuple | list):
        return [t for part in result for t in tensors(part)]
    return [torch.tensor(result)] if isinstance(result, float) else []


# One of each topic, the one that does most.
REPRESENTATIVES = (
    *("activations.record", "attention.attention_relevance", "controls.blurred"),
    *("data.shapes", "embedding.tsne", "explain.probability", "tiles.tiles"),
    *("faithfulness.deletion", "fills.inpaint", "gradients.integrated_gradients", "gradients.grad_cam"),
    *("incremental.IncrementalModel.stream", "models.Classifier.preprocess", "nets.SmallCNN", "networks.learned_mask"),
    *("occlusion.occlusion", "training.accuracy"),
    *("reconstruction.reconstruct", "roar.roar linear", "sanity.cascade", "sanity.hog", "networks.fit_jointly"),
)
