"""Activation maximisation: a picture that raises a class, or a unit of a layer."""

from typing import Any

import torch
from torch import Tensor, nn

from vislib.activations import Channels, find_layer, watching
from vislib.explain import Score, answers, check_eval, check_target, logit, scores, takes
from vislib.incremental.lean import lean
from vislib.look import check_logits, shown
from vislib.models import Classifier
from vislib.models.asking import input_channels
from vislib.reconstruction.ascent import Ascent, climb, layer_answer


@takes(Ascent)
@torch.inference_mode(False)
def reconstruct(
    model: nn.Module,
    target: int | Tensor,
    *,
    score: Score = logit,
    layer: str | None = None,
    size: int | None = None,
    shift: int = 32,
    scale: float = 0.3,
    rotate: float = 20.0,
    **options: Any,
) -> Tensor:
    """Return pictures (B, C, S, S) that maximise a score, pixels in [0, 1].

    Each picture has its own start and its own moves, drawn from its seed: it is the same alone and in a batch.

    Args:
        model: maps pixels (B, C, H, W) to logits (B, K).
        target: a class, or one per picture (B,); with `layer`, a unit of that layer.
        score: the number to raise, see :mod:`vislib.explain`.
        layer: raise units (channels) of this layer, in the mean over their map, instead of classes; a name as in
            ``model.named_modules()``.
        steps: of the ascent (Adam).
        size: side of the pictures, in pixels; None: the model's `input_size`.
        seed: one for all pictures, or one per picture.
        parametrisation: "fourier" (coefficients that count less the higher their frequency, colours decorrelated) or "pixels".
        shift: at each step a picture is moved by up to so many pixels,
        scale: made larger or smaller by up to this share,
        rotate: and turned by up to so many degrees. With all three 0 it stays as it is.
        total_variation: weight of the mean absolute difference between neighbouring pixels, which is subtracted.
        l2: weight of the mean squared distance from grey, which is subtracted.
        learning_rate: of Adam, in units of the parametrisation's numbers.
        batch_size: pictures that go through the network together; None chooses by the size of the activations.
        watch: called at every step with the step, the pictures and their scores (as they were moved), see `History`.
        progress: show a progress bar.

    Raises:
        TypeError, ValueError: for a target, layer or option that does not fit, or a model in training mode.

    Erhan et al. 2009, Visualizing Higher-Layer Features of a Deep Network; Olah et al. 2017, Feature Visualization,
    https://distill.pub/2017/feature-visualization
    """
    check_eval(model)
    how = Ascent(**options)
    count = len(how.seeds(len(target) if isinstance(target, Tensor) and target.ndim == 1 else None))
    grey = _grey(model, count, size)
    targets = check_target(grey, target)
    with torch.no_grad():
        if layer is None:
            check_logits(answers(model, grey[:1], twice=False).expand(len(grey), -1), grey, targets)
        else:
            _check_units(_units(model, grey[:1], layer), targets, layer)
    network = lean(model, grey[:1], layer)

    def rise(pictures: Tensor, index: Tensor) -> Tensor:
        found = answers(network, pictures) if layer is None else _units(network, pictures, layer)
        return scores(score, found, targets[index])

    return climb(model, rise, grey, how, (shift, scale, rotate))


def _units(model: nn.Module, pictures: Tensor, layer: str) -> Tensor:
    """Return the units of a layer (B, units), in the mean over their map."""
    channels, dims = Channels(), dict[str, int]()

    def see(name: str, module: nn.Module, inputs: Any, output: Any) -> None:
        if isinstance(output, Tensor) and output.ndim > 2:
            dims[name] = channels.of(module, output)

    named = dict(model.named_modules()) | {layer: find_layer(model, layer)}
    with watching(named, see):
        found = layer_answer(model, pictures, layer)
    return found.movedim(dims.get(layer, 1), 1).flatten(2).mean(2) if found.ndim > 2 else found


def _check_units(units: Tensor, targets: Tensor, layer: str) -> None:
    if units.ndim != 2 or len(units) != 1:
        raise ValueError(f"the layer {layer!r} answers with {shown(units)}; expected units (B, units, ...).")
    n = units.shape[1]
    if (highest := int(targets.max())) >= n:
        raise ValueError(f"target contains {highest}, and the layer {layer!r} has {n} units; expected 0 to {n - 1}.")


def _grey(model: nn.Module, count: int, size: int | None) -> Tensor:
    """Return grey pictures of the size, channels, type and device that the model takes."""
    side = getattr(model, "input_size", None) if size is None else size
    if isinstance(side, bool) or not isinstance(side, int) or side < 2:
        raise ValueError(f"size is {size!r}; expected the side of the pictures, an int of at least 2 pixels.")
    weight = next((p for p in (*model.parameters(), *model.buffers()) if p.is_floating_point()), torch.zeros(()))
    channels = model.channels if isinstance(model, Classifier) else input_channels(model, side)
    return weight.detach().new_full((count, channels, side, side), 0.5)
