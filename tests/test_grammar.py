# ruff: noqa: PT017, E501
"""Networks and pictures drawn from a grammar: what comes out is right, by a plain computation, or it is one sentence.

A few draws by the date in every run, two thousand anew in `make test-all`.
"""

import io
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image, ImageOps
from torch import Tensor, nn

from tests.conftest import THOROUGH
from tests.drawn import day
from vislib import one_thread
from vislib.explain import logit
from vislib.gradients import grad_cam, gradient
from vislib.models import Classifier
from vislib.occlusion import occlusion

DRAWS = 2000 if THOROUGH else 12
FIRST = random.SystemRandom().randrange(10**9) if THOROUGH else day().toordinal() * 1000
SIDE, CLASSES = 12, 4
pytestmark = pytest.mark.filterwarnings("ignore")


class Act(nn.Module):
    """Calls a function that reads nothing but its argument."""

    def __init__(self, fn: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.fn = fn

    def forward(self, x: Tensor) -> Tensor:
        return self.fn(x)


class Branches(nn.Module):
    """Adds or concatenates two ways, the second of them maybe the input itself."""

    def __init__(self, one: nn.Module, other: nn.Module, join: str) -> None:
        super().__init__()
        self.one, self.other, self.join = one, other, join

    def forward(self, x: Tensor) -> Tensor:
        a, b = self.one(x), self.other(x)
        if self.join == "cat":
            return torch.cat([a, b], 1)
        if self.join == "max":
            return torch.maximum(a, b)
        return a * b.mean((2, 3), keepdim=True).sigmoid() if self.join == "gate" else a + b


class Drawn(nn.Module):
    """Input, blocks on maps, a way to one vector, an end."""

    def __init__(self, start: Any, blocks: list[nn.Module], neck: nn.Module, end: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.start, self.blocks, self.neck, self.end = start, nn.Sequential(*blocks), neck, end

    def forward(self, x: Tensor) -> Tensor:
        return self.end(self.neck(self.blocks(self.start(x))))


class Attend(nn.Module):
    """Goes on with tokens."""

    def __init__(self, width: int, mean: bool) -> None:
        super().__init__()
        self.attention, self.head, self.mean = (
            nn.MultiheadAttention(width, 1, batch_first=True),
            nn.Linear(width, CLASSES),
            mean,
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(2).transpose(1, 2)
        x = x + self.attention(self.norm(x), self.norm(x), self.norm(x), need_weights=False)[0]
        return self.head(x.mean(1) if self.mean else x[:, 0])


def _block(draw: random.Random, width: int) -> tuple[nn.Module, int, bool]:
    """Return a block for maps of this width, the width that it answers with, and whether it reads a number off a batch."""
    wide = draw.choice([4, 6, 8])
    same: list[Callable[[], nn.Module]] = [
        lambda: nn.Conv2d(width, width, 3, padding=draw.choice([1, 2]), groups=width, padding_mode=draw.choice(["zeros", "reflect", "circular"])),
        lambda: nn.Sequential(nn.BatchNorm2d(width), nn.ReLU(inplace=draw.random() < 0.5)),
        lambda: nn.Sequential(Act(lambda x: x + 1), nn.ReLU(inplace=True), nn.BatchNorm2d(width), nn.LeakyReLU(0.2, inplace=True)),
        lambda: draw.choice([nn.GroupNorm(1, width), nn.InstanceNorm2d(width, affine=True), nn.LocalResponseNorm(2)]),
        lambda: draw.choice([nn.GELU(), nn.SiLU(), nn.Tanh(), nn.ELU(), nn.Hardswish(), nn.PReLU(width), nn.Softmax2d()]),
        lambda: draw.choice([nn.MaxPool2d(2, 1, 1), nn.AvgPool2d(3, 1, 1), nn.AvgPool2d(2, 1, 1, count_include_pad=False)]),
        lambda: draw.choice([nn.Dropout(0.5), nn.Dropout2d(0.5), nn.Identity(), nn.Upsample(scale_factor=2), nn.ZeroPad2d((0, 2, 1, 0))]),
        lambda: Act(draw.choice(PLAIN)),
    ]  # fmt: skip
    other: list[Callable[[], nn.Module]] = [
        lambda: nn.Conv2d(width, wide, 3, draw.choice([1, 1, 2]), 1, bias=draw.random() < 0.5),
        lambda: nn.Conv2d(width, wide, 3, padding=2, dilation=2),
        lambda: nn.Conv2d(width, wide, 1),
        lambda: nn.ConvTranspose2d(width, wide, 2, 1),
        lambda: nn.Sequential(Act(lambda x: x.permute(0, 2, 3, 1).contiguous()), nn.LayerNorm(width), nn.Linear(width, wide), Act(lambda x: x.permute(0, 3, 1, 2))),
    ]  # fmt: skip
    kind = draw.random()
    if kind < 0.04:
        return Act(draw.choice(NUMBERS)), width, True
    if kind < 0.25:
        join = draw.choice(["add", "cat", "gate", "max"])
        one = nn.Conv2d(width, width, 3, padding=1)
        ways = [nn.Identity(), nn.Conv2d(width, width, 1), nn.Sequential(nn.ReLU(), nn.Conv2d(width, width, 1)), one]
        return Branches(one, draw.choice(ways), join), 2 * width if join == "cat" else width, False
    return (draw.choice(same)(), width, False) if kind < 0.6 else (draw.choice(other)(), wide, False)


PLAIN: list[Callable[[Tensor], Tensor]] = [
    lambda x: (x + 0.5).mul_(2),
    lambda x: x.clone().add_(x).relu_(),
    lambda x: x / x.shape[-1] * x.size(1),
    lambda x: x.flip(-1),
    lambda x: x.roll(1, 2),
    lambda x: F.pad(x, (1, 0, 2, 1))[:, :, 1:, :],
    lambda x: F.pad(x, (1, 1, 1, 1), mode="reflect"),
    lambda x: torch.cat(x.chunk(2, 1)[::-1], 1),
    lambda x: torch.where(x > 0, x, x * x),
    lambda x: x / (1 + x.std((1, 2, 3), keepdim=True)),
    lambda x: x.clamp(max=0.3).sort(3)[0],
    lambda x: x * x.amax((2, 3), keepdim=True).softmax(1),
    lambda x: x + x.mean(1, keepdim=True).detach(),
    lambda x: F.avg_pool2d(x, 3, 2, 1, ceil_mode=True),
    lambda x: F.max_pool2d(x, 2, 2, 1),
    lambda x: F.interpolate(x, size=x.shape[-1] + 1, mode="bilinear"),
    lambda x: torch.einsum("bchw,bdhw->bdhw", x, x) if x.ndim == 4 else x,
    lambda x: torch.stack([one.tanh() for one in x]),
    lambda x: x if bool((x < 1e9).all()) else -x,
]
NUMBERS: list[Callable[[Tensor], Tensor]] = [
    lambda x: torch.clamp(x, max=x.max().item() / 2),
    lambda x: x * float(x.abs().mean().tolist()),
    lambda x: x * float(x.std()),
    lambda x: x / x.max(),
    lambda x: x - x.median() if bool(x.any()) else x,
    lambda x: x + x[:1].mean(),
]

# What may go wrong, and the one true sentence about it; what is not here is sound.
ENDS: dict[str, tuple[Callable[[Tensor], Any], str]] = {
    "softmax": (lambda y: y.softmax(1), "probabilities"),
    "one": (lambda y: y[:, :1], "TwoClasses"),
    "a tuple": (lambda y: (y, y), "returned a tuple"),
    "dropout": (lambda y: F.dropout(y + 1, 0.5, True), "chance"),
    "noise": (lambda y: y + 1e-3 * torch.randn_like(y), "chance"),
    "batch": (lambda y: y - y.mean(0, keepdim=True) / 2, "other images"),
    "NaN": (lambda y: y * torch.nan, "NaN or infinity"),
    "masked": (lambda y: y.masked_fill(torch.arange(CLASSES) == 1, -torch.inf), "masks"),
}
SOUND: list[Callable[[Tensor], Tensor]] = [
    lambda y: y,
    lambda y: y.masked_fill(torch.arange(CLASSES) == 3, -torch.inf),
    lambda y: y.masked_fill(torch.arange(CLASSES) == 3, -1e4),
    lambda y: y.log_softmax(1),
    lambda y: 1e-3 * y,
    lambda y: y.sigmoid(),
]
CUT = "no gradient at the pixels"
CUTS: list[Callable[[Tensor], Tensor]] = [
    lambda x: x.detach(),
    lambda x: (x * 8).round() / 8,
    lambda x: (x > 0.5).to(x),
]
STARTS: list[Callable[[Tensor], Tensor]] = [
    lambda x: x,
    lambda x: (x - 0.5) / 0.25,
    lambda x: x.sub_(0.5).div_(0.25),
    lambda x: x.contiguous(memory_format=torch.channels_last),
]


def network(draw: random.Random) -> tuple[Drawn, set[str]]:
    """Draw a network; return it, and the sentences that are true of it."""
    width, blocks, true = 3, [], set[str]()
    for _ in range(draw.randint(1, 5)):
        block, width, reads = _block(draw, width)
        blocks.append(block)
        true |= {"other images"} if reads else set()
    if draw.random() < 0.1:
        start, true = draw.choice(CUTS), true | {CUT}
    else:
        start = draw.choice(STARTS)
    if draw.random() < 0.2:
        end, sentence = ENDS[draw.choice([*ENDS])]
        true |= {sentence}
    else:
        end = draw.choice(SOUND)
    neck: nn.Module = draw.choice([
        nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, CLASSES)),
        nn.Sequential(nn.AdaptiveMaxPool2d(2), nn.Flatten(), nn.Linear(4 * width, 8), nn.ReLU(), nn.Linear(8, CLASSES)),
        Attend(width, draw.random() < 0.5),
    ])  # fmt: skip
    return Drawn(start, blocks, neck, end).eval(), true


def _sentence(error: Exception) -> bool:
    return type(error) in (ValueError, TypeError) and "expected" in str(error) and "\n" not in str(error)


def _gradient(model: nn.Module, images: Tensor, target: int) -> Tensor:
    """The gradient, as one would write it."""
    pixels = images.clone().requires_grad_()
    (grad,) = torch.autograd.grad(model(pixels.clone())[:, target].sum(), pixels)
    return grad.abs().sum(1)


@torch.no_grad()
def _covered(model: nn.Module, images: Tensor, target: int) -> Tensor:
    """The drop under each black patch of four pixels, of which none meets another, as one would write it."""
    heat, clean = torch.zeros_like(images[:, 0]), model(images.clone())[:, target]
    for y in range(0, images.shape[2], 4):
        for x in range(0, images.shape[3], 4):
            copied = images.clone()
            copied[..., y : y + 4, x : x + 4] = 0
            heat[:, y : y + 4, x : x + 4] = (clean - model(copied)[:, target])[:, None, None]
    return heat


def _weighted(model: Any, images: Tensor, target: int) -> Tensor:
    """Grad-CAM of the maps behind the blocks, as one would write it."""
    with torch.no_grad():
        maps = model.blocks(model.start(images.clone())).clone()
    maps.requires_grad_()
    (grad,) = torch.autograd.grad(model.end(model.neck(maps))[:, target].sum(), maps)
    heat = (grad.mean((2, 3), keepdim=True) * maps).sum(1, keepdim=True).relu()
    return F.interpolate(heat.detach(), images.shape[-2:], mode="bilinear")[:, 0]


@torch.no_grad()
def _independent(model: nn.Module, images: Tensor) -> bool:
    """Tell whether the images of a batch have no part in each other, as far as the look can tell: the last, half of the digits."""
    alone, both = model(images[-1:].clone()), model(images.clone())[-1:]
    unmasked = both.abs()[both.abs() < 1e3]
    return bool(torch.isclose(alone, both, rtol=0, atol=2**-26 * float(unmasked.max())).all())


def _near(ours: Tensor, theirs: Tensor) -> bool:
    return bool(torch.allclose(ours, theirs, rtol=0, atol=1e-6 * max(1e-3, float(theirs.abs().max()))))


METHODS: dict[str, tuple[Callable[..., Tensor], Callable[..., Tensor]]] = {
    "gradient": (gradient, _gradient),
    "occlusion": (lambda *asked: occlusion(*asked, patch=4, stride=4, fill="black", score=logit), _covered),
    "grad_cam": (lambda *asked: grad_cam(*asked, layer="blocks"), _weighted),
}


def _judge(seed: int) -> Counter[str]:
    """Draw one network, and judge three methods on it."""
    draw = random.Random(seed)
    torch.manual_seed(seed)
    model, true = network(draw)
    model = model.double()
    images = torch.rand(draw.randint(1, 3), 3, SIDE, SIDE, dtype=torch.float64)
    before, came = images.clone(), Counter[str]()
    for name, (call, plain) in METHODS.items():
        said = true - {CUT} if name != "gradient" else true
        try:
            ours = call(model, images, 1)
        except Exception as error:
            assert _sentence(error), (seed, name, true, repr(error))
            assert any(part in str(error) for part in said), (seed, name, true, "is untrue", str(error))
            came[f"{name}: refused"] += 1
            continue
        finally:
            assert torch.equal(images, before), (seed, name, "the images have changed")
        # What else is in a batch has no part where each image is alone; all else that was drawn must be refused.
        assert said <= {"other images"}, (seed, name, true, "was not refused")
        assert bool(ours.isfinite().all()), (seed, name)
        theirs = torch.cat([plain(model, image[None], 1) for image in images])
        # PyTorch's gradient of layer norms is another for a batch in some layouts, though no image is in another's way.
        good = _near(ours, theirs) or (_independent(model, images) and _near(ours, plain(model, images, 1)))
        # Company that shows once a part is covered, and not before.
        if not good and said and _independent(model, images):
            came["not to be seen"] += 1
            continue
        assert good, (seed, name, true, float((ours - theirs).abs().max()))
        came[f"{name}: right"] += 1
        came["all the same"] += bool((theirs == theirs.flatten()[0]).all())
    return came


def test_networks_from_a_grammar() -> None:
    came: Counter[str] = Counter()
    with one_thread(torch.device("cpu")):
        for seed in range(FIRST, FIRST + DRAWS):
            came += _judge(seed)
    print(dict(came))
    chance = 1.5 * DRAWS**0.5  # three standard deviations of a share, in draws
    for name in METHODS:
        assert came[f"{name}: right"] > 0.6 * DRAWS - chance
    assert came["all the same"] < 0.1 * DRAWS + chance
    assert came["not to be seen"] < 0.005 * DRAWS + 1


# ---- pictures ----

MODES = ("1", "L", "LA", "P", "P with transparency", "RGB", "RGBA", "CMYK", "I;16", "I", "F", "YCbCr", "HSV")


def _picture(draw: random.Random, numbers: np.random.Generator) -> tuple[Image.Image, np.ndarray[Any, Any] | None, str]:
    """Draw a picture of any mode; return it, what it shows in [0, 1] (H, W, 3), and its mode. None: nobody can tell."""
    mode = draw.choice(MODES)
    height, width = draw.randint(3, 40), draw.randint(3, 40)
    grey, colour, alpha = (numbers.random((height, width, n)) for n in (1, 3, 1))
    alpha = np.where(alpha < 0.3, 0, alpha)
    eight = [np.round(255 * a).astype(np.uint8) for a in (grey, colour, alpha)]
    if mode in ("I;16", "I"):
        deep = np.round(65535 * grey[..., 0])
        return Image.fromarray(deep.astype(np.uint16 if mode == "I;16" else np.int32)), np.repeat(grey, 3, 2), mode
    if mode == "F":
        return Image.fromarray(grey[..., 0].astype(np.float32)), np.repeat(grey, 3, 2), mode
    if mode == "LA":
        return Image.fromarray(np.concatenate([eight[0], eight[2]], 2)), np.repeat(grey * alpha + 1 - alpha, 3, 2), mode
    clear = Image.fromarray(np.concatenate([eight[1], eight[2]], 2))
    if mode == "RGBA":
        return clear, colour * alpha + 1 - alpha, mode
    plain = Image.fromarray(eight[1])
    if mode == "P with transparency":
        plain = plain.quantize(16)
        palette = np.array(plain.getpalette()[:48]).reshape(-1, 3) / 255  # type: ignore[index]
        index = np.asarray(plain)
        plain.info["transparency"] = 3
        return plain, np.where((index == 3)[..., None], 1.0, palette[np.minimum(index, len(palette) - 1)]), mode
    made = plain.quantize(16) if mode == "P" else plain.convert(mode)
    return made, np.asarray(made.convert("RGB")) / 255, mode


def _shown(model: Classifier, picture: np.ndarray[Any, Any]) -> Tensor:
    """The square in the middle, as one would write it."""
    x = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None].float()
    height, width = x.shape[-2:]
    short = model.resize
    size = (short, int(short * width / height)) if height <= width else (int(short * height / width), short)
    x = F.interpolate(x, size, mode="bilinear", antialias=True).clamp(0, 1)
    top, left = (round((n - model.input_size) / 2) for n in size)
    return x[..., top : top + model.input_size, left : left + model.input_size]


def test_pictures_of_every_mode() -> None:
    came: Counter[str] = Counter()
    model = Classifier(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.LazyLinear(2)), input_size=16, mean=[0.5] * 3)
    for seed in range(FIRST, FIRST + DRAWS):
        draw = random.Random(seed)
        picture, shows, mode = _picture(draw, np.random.default_rng(seed))
        orientation = draw.randint(1, 8)
        if shows is not None and mode not in ("HSV", "F", "YCbCr", "I") and draw.random() < 0.7:
            file = io.BytesIO()
            exif = Image.Exif()
            exif[0x0112] = orientation
            picture.save(file, "TIFF" if mode == "CMYK" else "PNG", exif=exif)
            picture = Image.open(io.BytesIO(file.getvalue()))
            turned = Image.Transpose
            how = {2: turned.FLIP_LEFT_RIGHT, 3: turned.ROTATE_180, 4: turned.FLIP_TOP_BOTTOM, 5: turned.TRANSPOSE,
                   6: turned.ROTATE_270, 7: turned.TRANSVERSE, 8: turned.ROTATE_90}.get(orientation)  # fmt: skip
            if how is not None:
                layers = [
                    np.asarray(Image.fromarray(shows[..., c].astype(np.float32)).transpose(how)) for c in range(3)
                ]
                shows = np.stack(layers, 2)
        try:
            ours = model.preprocess(picture)
        except Exception as error:
            assert _sentence(error), (seed, mode, repr(error))
            assert shows is None or max(picture.size) < 3, (seed, mode, str(error))
            came["refused"] += 1
            continue
        assert shows is not None, (seed, mode, "was not refused")
        assert float((ours - _shown(model, shows)).abs().max()) < 0.03, (seed, mode, orientation)
        came["right"] += 1
    print(dict(came))
    assert came["right"] > 0.7 * DRAWS - 1.5 * DRAWS**0.5


def test_the_turn_is_the_viewers() -> None:
    """The table of turns above is that of PIL, which is that of viewers."""
    model = Classifier(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.LazyLinear(2)), input_size=8, mean=[0.5] * 3)
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8))
    picture.getexif()[0x0112] = 6
    assert torch.equal(model.preprocess(picture), model.preprocess(ImageOps.exif_transpose(picture)))
