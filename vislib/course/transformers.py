"""What belongs to notebook 10: the shares of attention, a network with other shares, an explorer, and checkers."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vislib import controls, data, faithfulness
from vislib.attention import attention, attention_relevance
from vislib.course import networks
from vislib.course.encoding import encoded_image
from vislib.course.figures import coloured
from vislib.course.names import on_page
from vislib.course.verdict import Verdict, attempt, tensor_verdict
from vislib.data import ImageSet
from vislib.explain import Explainer, check_inputs
from vislib.intervals import interval, verdict
from vislib.models import Classifier
from vislib.nets import SmallViT
from vislib.sanity import randomised

if TYPE_CHECKING:
    from pandas import DataFrame

    from vislib.course.frame import Explorer

Change = Callable[[Tensor], Tensor]
"""Shares (B, heads, T, T) -> the shares to be used instead."""

STEPS = 8  # of a deletion curve


def even(model: nn.Module, images: Tensor, target: int | Tensor) -> Tensor:
    """The same value everywhere: a control that points nowhere. Arguments and errors as in `controls.sobel`."""
    check_inputs(model, images, target)
    return torch.ones_like(images[:, 0])


def untrained(model: Classifier, images: Tensor, seed: int = 0) -> nn.Module:
    """Return a copy of a network with all weights random, its BatchNorms measured on the images."""
    return next(randomised(model, images, blocks=["network"], seed=seed))[1]


def coarse(masks: Tensor, places: int = 8) -> Tensor:
    """Return masks (B, H, W) as exactly as a map of `places` x `places` tokens can draw them, (B, H, W)."""
    pooled = F.adaptive_avg_pool2d(masks[:, None].float(), places)
    return F.interpolate(pooled, masks.shape[-2:], mode="bilinear", align_corners=False)[:, 0]


def recentred(maps: Tensor) -> Tensor:
    """Return maps (B, H, W) of the tokens of a `SmallViT`, each drawn about the middle of what it sees: four pixels up and left.

    Three convolutions with stride 2 see seven pixels above and to the left of a token's own eight, and none on the other sides.
    """
    return F.pad(maps[:, None], (0, 4, 0, 4), mode="replicate")[:, 0, 4:, 4:]


def inside(maps: Mapping[str, Tensor], masks: Tensor) -> dict[str, float]:
    """Return which share of each method's unsigned maps (B, H, W) lies inside the masks (B, H, W), the mean over images."""
    return {name: float(((heat * masks).sum((1, 2)) / heat.sum((1, 2))).mean()) for name, heat in maps.items()}


def judged(model: nn.Module, scenes: ImageSet, maps: Mapping[str, Tensor]) -> "DataFrame":
    """Return by how much each map beats a random one in three tests, as `vislib.course.review.board` draws it.

    The intervals hold 95 % of what other pictures would give; they say nothing of other networks.

    Args:
        model: a classifier.
        scenes: pictures with labels and masks.
        maps: name -> (B, H, W).
    """
    import pandas as pd

    assert scenes.masks is not None
    given = (model, scenes.images, scenes.labels)

    def tried(heat: Tensor) -> dict[str, Tensor]:
        assert scenes.masks is not None
        return {
            "mass inside": faithfulness.mass_inside(*given, lambda *_: heat, scenes.masks),
            "pointing game": faithfulness.pointing_game(*given, lambda *_: heat, scenes.masks),
            "deletion": -faithfulness.deletion(*given, lambda *_: heat, steps=STEPS).areas,
        }

    random, rows = tried(controls.chance(*given)), []
    for name, heat in maps.items():
        for test, scores in tried(heat).items():
            gain = (scores - random[test]).cpu().double().numpy()
            low, high = (float(end) for end in interval(gain))
            rows.append((name, test, float(gain.mean()), low, high, verdict(low, high)))
    return pd.DataFrame(rows, columns=["explainer", "test", "value", "low", "high", "verdict"])


# ---- a network with other shares ----


@torch.no_grad()
def answers_with(model: Classifier, images: Tensor, change: Change, blocks: Sequence[int] = (-1,)) -> Tensor:
    """Return the logits (B, K) of a `SmallViT` in some of whose blocks the shares are changed.

    Args:
        model: a classifier around a `SmallViT`.
        images: (B, C, H, W), pixels in [0, 1].
        change: shares (B, heads, T, T) -> what takes their place; the first token is the class token.
        blocks: in which blocks, from 0 on or from -1 back.
    """
    network = model.network
    assert isinstance(network, SmallViT)
    places = network.stem((images - model.mean) / model.std).flatten(2).mT
    x = torch.cat([network.first.expand(len(images), -1, -1), places], 1) + network.places
    count = len(network.blocks)
    chosen = {block % count for block in blocks}
    for k, block in enumerate(network.blocks):
        assert isinstance(block, nn.TransformerEncoderLayer)
        layer, z = block.self_attn, block.norm1(x)
        parts = F.linear(z, layer.in_proj_weight, layer.in_proj_bias).chunk(3, -1)
        query, key, value = (part.unflatten(-1, (layer.num_heads, -1)).transpose(1, 2) for part in parts)
        shares = (query @ key.mT / query.shape[-1] ** 0.5).softmax(-1)
        shares = change(shares) if k in chosen else shares
        x = x + layer.out_proj((shares @ value).transpose(1, 2).flatten(2))
        x = x + block.linear2(F.gelu(block.linear1(block.norm2(x))))
    logits: Tensor = network.head(network.norm(x[:, 0]))
    return logits


def evened(shares: Tensor) -> Tensor:
    """Let the class token take the same from every place, and from itself what it took."""
    changed = shares.clone()
    changed[:, :, 0, 1:] = shares[:, :, 0, 1:].mean(-1, keepdim=True)
    return changed


def withheld(shares: Tensor) -> Tensor:
    """Let the class token take nothing from any place, and all from itself."""
    changed = shares.clone()
    changed[:, :, 0] = 0.0
    changed[:, :, 0, 0] = 1.0
    return changed


def shuffled(shares: Tensor, seed: int = 0) -> Tensor:
    """Let the class token take its shares from other places, drawn anew for each image and alike for its heads."""
    changed = shares.clone()
    drawn = torch.rand(len(shares), shares.shape[-1] - 1, generator=torch.Generator().manual_seed(seed))
    order = drawn.argsort(1)[:, None].expand(-1, shares.shape[1], -1).to(shares.device)
    changed[:, :, 0, 1:] = shares[:, :, 0, 1:].gather(2, order)
    return changed


def shares_of(model: Classifier, images: Tensor) -> Tensor:
    """Return what the class token of a `SmallViT` takes from each place, (B, blocks, heads, rows, columns)."""
    seen: list[Tensor] = []

    def note(shares: Tensor) -> Tensor:
        seen.append(shares[:, :, 0, 1:])
        return shares

    answers_with(model, images, note, range(len(model.network.blocks)))  # type: ignore[arg-type]
    side = round(seen[0].shape[-1] ** 0.5)
    stacked: Tensor = torch.stack(seen, 1).unflatten(-1, (side, side))
    return stacked


# ---- the explorer ----


def explorer(images: Tensor, shares: Mapping[str, Tensor], names: Sequence[str], masks: Tensor) -> "Explorer":
    """Pick a picture, a network, a block and a head; see what the class token takes from each place beside the picture.

    Args:
        images: (B, C, H, W), pixels in [0, 1].
        shares: network -> (B, blocks, heads, rows, columns), as `shares_of` returns them.
        names: of the images.
        masks: of the objects, bool (B, H, W).

    Raises:
        ValueError: if names, masks or shares are not as many as the images.
    """
    import ipywidgets as widgets

    from vislib.course.frame import SIDE, Explorer, Image, still

    for network, of in shares.items():
        if of.ndim != 5 or not len(of) == len(images) == len(names) == len(masks):
            raise ValueError(
                f"the shares of {network} have shape {tuple(of.shape)}, with {len(images)} images, {len(names)} names and "
                f"{len(masks)} masks; expected (B, blocks, heads, rows, columns), and as many of each."
            )
    _, blocks, heads, *_ = next(iter(shares.values())).shape
    name = widgets.Dropdown(options=list(names), index=0, description="image")
    network = widgets.Dropdown(options=list(shares), description="network")
    wide = widgets.Layout(width="320px")
    block = widgets.IntSlider(blocks - 1, 0, blocks - 1, description="block", layout=wide)
    head = widgets.IntSlider(0, 0, heads - 1, description="head", layout=wide)
    whose = ("The picture", "What the class token takes from each place")
    pictures = [Image(alt=alt, width=SIDE * 3 // 4) for alt in whose]
    words = widgets.HTML()

    def chosen() -> Tensor:
        grid = shares[str(network.value)][int(name.index), int(block.value), int(head.value)]
        return F.interpolate(grid[None, None], images.shape[-2:], mode="nearest")[0, 0]

    def sentence() -> str:
        heat, mask = chosen(), masks[int(name.index)]
        share, area = float((heat * mask).sum() / heat.sum()), float(mask.float().mean())
        return (
            f"<p>{on_page(str(network.value))}, block {block.value}, head {head.value}: <strong>{share:.2f}</strong> of "
            f"what it takes from places lies on the object, which fills {area:.2f} of the picture.</p>"
        )

    def pair() -> list[Tensor]:
        heat = chosen()
        return [images[int(name.index)].detach().cpu().float(), coloured(heat / heat.max().clamp(min=1e-12))]

    def draw(change: Any = None) -> None:
        for widget, picture in zip(pictures, pair(), strict=True):
            widget.value = encoded_image(picture, "png")
        words.value = sentence()

    for control, what in ((network, "value"), (name, "index"), (block, "value"), (head, "value")):
        control.observe(draw, what)
    draw()
    page = still(
        encoded_image(F.interpolate(torch.cat(pair(), dim=2)[None], scale_factor=4)[0], "jpeg"),
        words.value,
        alt="A picture, and beside it what the class token takes from each place, in squares",
        caption="A still of the explorer: run this cell in JupyterLab to pick a picture, a network, a block and a head.",
        width=SIDE * 3 // 2,
    )
    row = widgets.HBox(pictures, layout=widgets.Layout(flex_flow="row wrap"))
    return Explorer([widgets.HBox([name, network]), block, head, row, words], "Attention explorer", page)


# ---- checkers ----


def check_rollout(function: Callable[[Tensor], Tensor | None]) -> Verdict:
    """Check `rolled(shares)`: attention rollout of shares (blocks, heads, T, T), as the class token has it, (T - 1,)."""
    shares = torch.rand(3, 2, 6, 6, generator=torch.Generator().manual_seed(0)).pow(3)
    shares = shares / shares.sum(-1, keepdim=True)
    answer = attempt(function, shares.clone())
    if bad := tensor_verdict(answer, (5,)):
        return bad
    answer = answer.detach().float()

    def rolled(of: Tensor, own: float = 0.5, *, back: bool = False) -> Tensor:
        steps = [own * torch.eye(6) + (1 - own) * step for step in of]
        product: Tensor = torch.linalg.multi_dot(steps if back else steps[::-1])
        return product

    mean = shares.mean(1)
    wrong = {
        "You leave out what each token keeps of itself: mix each block half and half with torch.eye(T).": rolled(
            mean, 0
        )[0, 1:],
        "You multiply the blocks in the wrong order: what a later block takes, it takes from what the earlier ones made.": (
            rolled(mean, back=True)[0, 1:]
        ),
        "You take one head; take the mean over all.": rolled(shares[:, 0])[0, 1:],
        "This is the column of the class token, what it gives; take its row, what it has.": rolled(mean)[1:, 0],
        "This is the row of the last token; the class token comes first.": rolled(mean)[-1, :-1],
    }
    if torch.allclose(answer, rolled(mean)[0, 1:], atol=1e-5):
        return Verdict("right", "Right: the mean over heads, half for the token itself, the last block on the left.")
    for sentence, other in wrong.items():
        if torch.allclose(answer, other, atol=1e-5):
            return Verdict("wrong", sentence)
    expected = ", ".join(f"{float(value):.3f}" for value in rolled(mean)[0, 1:])
    came = ", ".join(f"{float(value):.3f}" for value in answer)
    return Verdict("wrong", f"For the shares of the checker expected {expected}, and yours are {came}.")


def check_map(function: Callable[[nn.Module, Tensor, Tensor], Tensor | None]) -> Verdict:
    """Check `better(model, images, target)`: maps that beat attention, relevance and a disc by deletion, on new pictures."""
    model, scenes = networks.trained("vit_object", device="cpu"), data.shapes(36, seed=77, device="cpu")
    answer = attempt(function, model, scenes.images.clone(), scenes.labels.clone())
    if bad := tensor_verdict(answer, tuple(scenes.images[:, 0].shape)):
        return bad

    def area(explainer: Explainer) -> float:
        curve = faithfulness.deletion(model, scenes.images, scenes.labels, explainer, steps=STEPS)
        return float(curve.areas.mean())

    own = area(lambda *_: answer.detach().float())
    rivals = {"attention": attention, "attention_relevance": attention_relevance, "the disc": controls.disc}
    rival, name = min((area(explainer), name) for name, explainer in rivals.items())
    if own < rival:
        return Verdict("right", f"Right: an area of {own:.3f} under the curve of deletion, and {name} has {rival:.3f}.")
    return Verdict(
        "wrong", f"Your area under the curve of deletion is {own:.3f}, and {name} has {rival:.3f}; go below it."
    )
