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


def _in_place(x: Tensor) -> Tensor:
    return x.sub_(0.5).div_(0.25)


def _block(draw: random.Random, width: int, deep: int = 0) -> tuple[nn.Module, int]:
    """Return a block for maps of this width, and the width that it answers with."""
    wide = draw.choice([4, 6, 8])
    kinds: list[Callable[[], tuple[nn.Module, int]]] = [
        lambda: (nn.Conv2d(width, wide, 3, draw.choice([1, 1, 2]), 1, bias=draw.random() < 0.5), wide),
        lambda: (nn.Conv2d(width, wide, 1), wide),
        lambda: (nn.Conv2d(width, width, 3, padding=draw.choice([1, 2]), groups=width, padding_mode=draw.choice(["zeros", "reflect"])), width),
        lambda: (nn.Sequential(nn.BatchNorm2d(width), nn.ReLU(inplace=draw.random() < 0.5)), width),
        lambda: (draw.choice([nn.GroupNorm(1, width), nn.InstanceNorm2d(width, affine=True)]), width),
        lambda: (draw.choice([nn.GELU(), nn.SiLU(), nn.Tanh(), nn.ELU(), nn.Hardswish(), nn.PReLU(width)]), width),
        lambda: (draw.choice([nn.MaxPool2d(2, 1, 1), nn.AvgPool2d(3, 1, 1), nn.Dropout(0.5), nn.Identity()]), width),
        lambda: (Act(lambda x: torch.clamp(x, max=x.max().item() / 2)), width),
        lambda: (Act(lambda x: x * float(x.abs().mean().tolist())), width),
        lambda: (Act(lambda x: (x + 0.5).mul_(2)), width),
        lambda: (Act(lambda x: x / x.shape[-1] * x.size(1)), width),
        lambda: (Act(lambda x: x.flip(-1)), width),
        lambda: (Act(lambda x: F.pad(x, (1, 0, 2, 1))[:, :, 1:, :]), width),
        lambda: (nn.Sequential(Act(lambda x: x.permute(0, 2, 3, 1).contiguous()), nn.LayerNorm(width), nn.Linear(width, wide), Act(lambda x: x.permute(0, 3, 1, 2))), wide),
    ]  # fmt: skip
    if deep < 2 and draw.random() < 0.3:
        join = draw.choice(["add", "cat", "gate"])
        one, a = nn.Conv2d(width, width, 3, padding=1), width
        other = draw.choice(
            [nn.Identity(), nn.Conv2d(width, width, 1), nn.Sequential(nn.ReLU(), nn.Conv2d(width, width, 1))]
        )
        return Branches(one, other, join), 2 * a if join == "cat" else a
    return draw.choice(kinds)()


ENDS: dict[str, Callable[[Tensor], Tensor]] = {
    "plain": lambda y: y,
    "masked": lambda y: y.masked_fill(torch.arange(CLASSES) == 3, -torch.inf),
    "log-softmax": lambda y: y.log_softmax(1),
    "softmax": lambda y: y.softmax(1),
    "one": lambda y: y[:, :1],
    "noise": lambda y: F.dropout(y + 1, 0.5, True),
    "batch": lambda y: y - y.mean(0, keepdim=True) / 2,
    "NaN": lambda y: y * torch.nan,
}
STARTS: dict[str, Callable[[Tensor], Tensor]] = {
    "plain": lambda x: x,
    "normalised": lambda x: (x - 0.5) / 0.25,
    "in place": _in_place,
    "cut": lambda x: x.detach(),
    "rounded": lambda x: (x * 8).round() / 8,
}


def network(draw: random.Random) -> tuple[Drawn, str, str]:
    """Draw a network; return it, its start and its end."""
    start = draw.choice([*STARTS] + ["plain", "in place"] * 3)
    end = draw.choice([*ENDS] + ["plain", "masked"] * 4)
    width, blocks = 3, []
    for _ in range(draw.randint(1, 5)):
        block, width = _block(draw, width)
        blocks.append(block)
    neck: nn.Module = draw.choice([
        nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, CLASSES)),
        nn.Sequential(nn.AdaptiveMaxPool2d(2), nn.Flatten(), nn.Linear(4 * width, 8), nn.ReLU(), nn.Linear(8, CLASSES)),
        Attend(width, draw.random() < 0.5),
    ])  # fmt: skip
    return Drawn(STARTS[start], blocks, neck, ENDS[end]).eval(), start, end


def _sentence(error: Exception) -> bool:
    return type(error) in (ValueError, TypeError) and "expected" in str(error) and "\n" not in str(error)


def _alone(model: nn.Module, images: Tensor, target: int) -> Tensor:
    """The gradient of each image by itself, as one would write it."""
    found = []
    for image in images:
        pixels = image[None].clone().requires_grad_()
        (grad,) = torch.autograd.grad(model(pixels.clone())[0, target], pixels)
        found.append(grad.abs().sum(1))
    return torch.cat(found)


@torch.no_grad()
def _covered(model: nn.Module, images: Tensor, target: int, side: int) -> Tensor:
    """The drop under each black patch that meets no other, as one would write it."""
    heat = torch.zeros(len(images), *images.shape[-2:], dtype=images.dtype)
    for b, image in enumerate(images):
        clean = model(image[None].clone())[0, target]
        for y in range(0, images.shape[2], side):
            for x in range(0, images.shape[3], side):
                copied = image[None].clone()
                copied[..., y : y + side, x : x + side] = 0
                heat[b, y : y + side, x : x + side] = clean - model(copied)[0, target]
    return heat


def _together(model: nn.Module, images: Tensor, target: int) -> Tensor:
    """The gradient of a batch, by PyTorch: of layers norms it is another in some layouts, though no image is in another's way."""
    pixels = images.clone().requires_grad_()
    (grad,) = torch.autograd.grad(model(pixels.clone())[:, target].sum(), pixels)
    return grad.abs().sum(1)


def _independent(model: nn.Module, images: Tensor) -> bool:
    with torch.no_grad():
        alone = torch.cat([model(image[None].clone()) for image in images])
        return bool(torch.isclose(alone, model(images.clone()), rtol=0, atol=1e-12).all())


def _near(ours: Tensor, theirs: Tensor) -> bool:
    return bool(torch.allclose(ours, theirs, rtol=0, atol=1e-6 * max(1e-3, float(theirs.abs().max()))))


def _judge(seed: int) -> Counter[str]:
    """Draw one network, and judge three methods on it."""
    draw = random.Random(seed)
    torch.manual_seed(seed)
    model, start, end = network(draw)
    model = model.double()
    images = torch.rand(draw.randint(1, 3), 3, SIDE, SIDE, dtype=torch.float64)
    before, came = images.clone(), Counter[str]()
    for name, call, plain in (
        ("gradient", lambda: gradient(model, images, 1), lambda: _alone(model, images, 1)),
        (
            "occlusion",
            lambda: occlusion(model, images, 1, patch=4, stride=4, fill="black", score=logit),
            lambda: _covered(model, images, 1, 4),
        ),
        ("grad_cam", lambda: grad_cam(model, images, 1), None),
    ):
        try:
            ours = call()
        except Exception as error:
            assert _sentence(error), (seed, name, start, end, repr(error))
            came[f"{name}: refused"] += 1
            # What is sound is not refused: no chance, no batch, no NaN, and pixels that reach the score.
            sound = end in ("plain", "masked", "log-softmax") and start in ("plain", "normalised", "in place")
            names = {n for m in model.modules() if isinstance(m, Act) for n in m.fn.__code__.co_names}
            sound &= not names & {"item", "tolist"}
            if name != "grad_cam" and sound:
                raise AssertionError((seed, name, start, end, str(error))) from error
            continue
        finally:
            assert torch.equal(images, before), (seed, name, "the images have changed")
        assert end not in ("softmax", "one", "noise", "NaN"), (seed, name, end, "was not refused")
        assert start not in ("cut", "rounded") or name == "occlusion" or name == "grad_cam", (seed, name, start)
        assert bool(ours.isfinite().all()), (seed, name)
        if plain is not None:
            bug = name == "gradient" and _independent(model, images) and _near(ours, _together(model, images, 1))
            assert bug or _near(ours, plain()), (seed, name, start, end, float((ours - plain()).abs().max()))
        came[f"{name}: right"] += 1
    return came


def test_networks_from_a_grammar() -> None:
    came: Counter[str] = Counter()
    for seed in range(FIRST, FIRST + DRAWS):
        came += _judge(seed)
    print(dict(came))
    assert came["gradient: right"] > DRAWS // 5
    assert came["occlusion: right"] > DRAWS // 5


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
    assert came["right"] > 0.7 * DRAWS


def test_the_turn_is_the_viewers() -> None:
    """The table of turns above is that of PIL, which is that of viewers."""
    model = Classifier(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.LazyLinear(2)), input_size=8, mean=[0.5] * 3)
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8))
    picture.getexif()[0x0112] = 6
    assert torch.equal(model.preprocess(picture), model.preprocess(ImageOps.exif_transpose(picture)))
