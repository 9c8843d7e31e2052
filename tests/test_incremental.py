"""Incremental inference against brute force: the covered copies, through the network itself."""

import gc
import re
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from tests.state import unchanged
from vislib import memory
from vislib.incremental import IncrementalModel, patchwork
from vislib.incremental import model as engine
from vislib.models import Classifier
from vislib.occlusion import occlusion_grid


def _random(seed: int, *shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def _places(seed: int, n: int, limit: int) -> Tensor:
    """Return n random starts, both ends among them."""
    starts = torch.randint(0, limit + 1, (n,), generator=torch.Generator().manual_seed(seed))
    starts[0], starts[-1] = 0, limit
    return starts


def _built(make: Callable[[], nn.Module], dtype: torch.dtype = torch.float64) -> nn.Module:
    """Return a network with random weights, also in its BatchNorm statistics, in evaluation mode."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = make()
        for module in model.requires_grad_(False).modules():
            if isinstance(module, nn.BatchNorm2d) and isinstance(module.running_var, Tensor):
                module.running_mean.normal_(0, 0.1)  # type: ignore[union-attr]
                module.running_var.uniform_(0.5, 1.5)
            if isinstance(module, nn.Linear) and not module.weight.any():
                module.weight.normal_()  # a head that begins at zero would answer the same to everything
    return model.to(dtype).eval()


def _compare(
    model: nn.Module, images: Tensor, patch: tuple[int, int], n: int = 6, **options: Any
) -> tuple[float, float, float, IncrementalModel]:
    """Return the largest error, the range of the drops, the largest logit, and the incremental model."""
    height, width = images.shape[-2:]
    rows, cols = _places(1, n, height - patch[0]), _places(2, n, width - patch[1]).roll(1)
    index = _places(3, n, len(images) - 1)
    patches = _random(4, n, images.shape[1], *patch, dtype=images.dtype)
    copies = images[index].clone()
    for copy, p, top, left in zip(copies, patches, rows.tolist(), cols.tolist(), strict=True):
        copy[:, top : top + patch[0], left : left + patch[1]] = p
    with torch.no_grad():
        clean = torch.cat([model(image.clone()) for image in images.split(1)])[index]
        expected = torch.cat([model(copy.clone()) for copy in copies.split(1)])
    ours = IncrementalModel(model, images, **options)
    result = ours.run(patches, rows, cols, index)
    drops = float((clean - expected).abs().max())
    return float((result - expected).abs().max()), drops, float(expected.abs().max()), ours


def _exact(model: nn.Module, images: Tensor, patch: tuple[int, int], n: int = 6, **options: Any) -> IncrementalModel:
    """Assert that increments equal brute force within 1e-6 of the range of the drops, and return the model."""
    error, drops, largest, ours = _compare(model, images, patch, n, **options)
    assert drops > 0  # or the clean answer would pass
    assert error <= max(1e-6 * drops, 1e-15 * largest)  # the second: nothing below the resolution of doubles
    return ours


# ----------------------------------------------------------------------------------------- architectures in use

# name: (height, width), patch, whether most of the network runs by increments
FAMILIES: dict[str, tuple[tuple[int, int], int, bool]] = {
    "alexnet": ((96, 80), 17, True),
    "vgg11_bn": ((64, 48), 12, True),
    "resnet18": ((72, 96), 16, True),
    "resnext50_32x4d": ((64, 80), 16, True),
    "densenet121": ((64, 64), 10, True),
    "googlenet": ((80, 64), 16, True),
    "inception_v3": ((96, 112), 16, True),
    "squeezenet1_1": ((64, 80), 16, True),
    "shufflenet_v2_x0_5": ((64, 80), 16, False),
    "mobilenet_v2": ((64, 80), 16, True),
    "mnasnet0_5": ((64, 80), 16, True),
    "regnet_x_400mf": ((64, 80), 16, True),
    "regnet_y_400mf": ((64, 80), 16, False),
    "mobilenet_v3_small": ((64, 80), 16, False),
    "efficientnet_b0": ((64, 80), 16, False),
    "convnext_tiny": ((64, 64), 16, False),
    "vit_b_32": ((224, 224), 32, False),
    "swin_t": ((64, 64), 16, False),
}


def _family(name: str, dtype: torch.dtype) -> nn.Module:
    from torchvision import models

    more: dict[str, Any] = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    if more:
        more["aux_logits"] = False
    return _built(lambda: models.get_model(name, weights=None, num_classes=7, **more), dtype)


def _alive(model: nn.Module, images: Tensor) -> nn.Module:
    """Let BatchNorm take its statistics from a batch, so that what a patch changes does not fade from layer to layer."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None
            module.train()
    with torch.no_grad():
        model(images)
    return model.eval()


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_torchvisions_families_in_double_precision(name: str) -> None:
    size, patch, traced = FAMILIES[name]
    model = _alive(_family(name, torch.float64), _random(5, 4, 3, *size))
    ours = _exact(model, _random(0, 2, 3, *size), (patch, patch + 3), n=5)
    assert _share(ours) > 0.8 if traced else True


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_torchvisions_families_in_single_precision(name: str) -> None:
    size, patch, _ = FAMILIES[name]
    model = _family(name, torch.float32)
    error, drops, largest, _ = _compare(model, _random(0, 2, 3, *size, dtype=torch.float32), (patch, patch), n=5)
    assert drops > 0
    assert error <= 1e-4 * largest


def _share(ours: IncrementalModel) -> float:
    """Return which share of the steps that make maps has a rule."""
    maps = [s for s in ours._steps if isinstance(s.value, Tensor) and s.value.ndim >= 4]
    return sum(s.rule is not None for s in maps) / max(len(maps), 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["efficientnet_lite0", "tf_efficientnet_lite0", "resnet18d", "convnext_atto", "vit_tiny_patch16_224"]
)
def test_timms_families(name: str) -> None:
    timm = pytest.importorskip("timm")
    size = 224 if name.startswith("vit") else 96
    model = _built(lambda: timm.create_model(name, pretrained=False, num_classes=7))
    ours = _exact(Classifier(model, mean=0.4, std=0.3).double().eval(), _random(0, 1, 3, size, size), (20, 24))
    assert _share(ours) > 0.8 if "lite" in name or "resnet" in name else True


def test_the_default_network_runs_by_increments() -> None:
    from vislib.models import load

    model = load()
    error, drops, largest, ours = _compare(model, _random(0, 1, 3, 224, 224, dtype=torch.float32), (32, 32))
    assert error <= 1e-4 * largest < drops * 1e4
    assert ours.exact_by == "increments"
    assert _share(ours) > 0.9


# ------------------------------------------------------------------------------------------- drawn at random


@st.composite
def _layers(draw: st.DrawFn, channels: int) -> tuple[list[Callable[[], nn.Module]], int]:
    """Draw windows of any kind, and what comes between them."""
    layers: list[Callable[[], nn.Module]] = []
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["conv", "depthwise", "max", "avg", "conv"]))
        kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
        stride = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
        if kind in ("conv", "depthwise"):
            padding = draw(st.tuples(st.integers(0, 3), st.integers(0, 3)))
            dilation = draw(st.tuples(st.integers(1, 2), st.integers(1, 2)))
            groups = channels if kind == "depthwise" else draw(st.sampled_from([1, 2]))
            after = channels * 2 if kind == "depthwise" and channels < 8 else draw(st.sampled_from([4, 6]))
            after = after if after % groups == 0 else groups
            bias = draw(st.booleans())
            layers.append(lambda c=(channels, after, kernel, stride, padding, dilation, groups, bias): nn.Conv2d(*c))
            channels = after
        else:
            padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
            ceil = draw(st.booleans())
            if kind == "max":
                dilation = draw(st.tuples(st.integers(1, 2), st.integers(1, 2)))
                layers.append(lambda c=(kernel, stride, padding, dilation, False, ceil): nn.MaxPool2d(*c))
            else:
                count, divisor = draw(st.booleans()), draw(st.sampled_from([None, None, 3]))
                layers.append(lambda c=(kernel, stride, padding, ceil, count, divisor): nn.AvgPool2d(*c))
        between = draw(st.sampled_from(["", "norm", "relu", "norm relu", "tanh"]))
        if "norm" in between:
            layers.append(lambda c=channels: nn.BatchNorm2d(c))
        if "relu" in between:
            in_place = draw(st.booleans())
            layers.append(lambda i=in_place: nn.ReLU(inplace=i))
        if between == "tanh":
            layers.append(nn.Tanh)
    return layers, channels


@given(
    _layers(4),
    st.tuples(st.integers(7, 26), st.integers(7, 26)),
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    st.sampled_from([0.3, 0.7, 2.0]),
)
@settings(max_examples=150, deadline=None)
def test_any_windows(drawn: Any, size: tuple[int, int], patch: tuple[int, int], dense_from: float) -> None:
    layers, channels = drawn
    patch = (min(patch[0], size[0]), min(patch[1], size[1]))

    def make() -> nn.Module:
        return nn.Sequential(
            *(layer() for layer in layers), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * channels, 3)
        )

    model, images = _built(make), _random(0, 2, 4, *size)
    try:
        with torch.no_grad():
            assume(model(images).isfinite().all())  # a pooling window in the padding alone has no mean, in PyTorch too
    except RuntimeError:
        assume(False)  # the map became smaller than a window
    error, drops, largest, ours = _compare(model, images, patch, n=5, dense_from=dense_from)
    assert error <= max(1e-6 * drops, 1e-14 * largest)
    assert ours.exact_by != "plain batches"


@given(
    st.integers(20, 40),
    st.integers(20, 40),
    st.integers(1, 20),
    st.integers(1, 20),
    st.integers(1, 12),
)
@settings(max_examples=25, deadline=None)
def test_any_sweep(height: int, width: int, h: int, w: int, stride: int) -> None:
    """The grid of occlusion is the same with and without increments."""
    model, images = _built(Residual), _random(0, 2, 3, height, width)
    options: dict[str, Any] = {"patch": (h, w), "stride": (min(stride, h), min(stride, w)), "fill": "noise"}
    ours = occlusion_grid(model, images, 1, **options)
    plain = occlusion_grid(model, images, 1, incremental=False, **options)
    torch.testing.assert_close(ours, plain, rtol=0, atol=1e-6 * float(plain.abs().max()))


# ------------------------------------------------------------------------------------- networks of one's own


class Residual(nn.Module):
    """Two blocks, with what people do by hand: functional and in-place activations, a reused module, a shape."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.a, self.b = nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.act = nn.ReLU(inplace=True)
        self.head = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.norm(self.stem(x)))
        x = self.act(self.b(self.act(self.a(x))) + x)
        y = self.a(F.relu(x))
        y += x
        y = F.relu(self.b(F.relu(y, inplace=True)) + y)
        return self.head(y.mean((2, 3)))


class Own(nn.Module):
    """A network around one function of (its layers, a map of 8 channels)."""

    def __init__(self, middle: Callable[[Any, Tensor], Tensor], head: bool = True) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.a, self.b = nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(8, 8, (1, 5), padding=(0, 2), groups=4)
        self.norm, self.dropout, self.relu = nn.BatchNorm2d(8), nn.Dropout(0.5), nn.ReLU(inplace=True)
        self.group, self.instance = nn.GroupNorm(2, 8), nn.InstanceNorm2d(8)
        self.up, self.prelu, self.squeeze = nn.ConvTranspose2d(8, 8, 2, stride=2), nn.PReLU(8), nn.Conv2d(8, 8, 1)
        self.reflect, self.zero = nn.ReflectionPad2d((1, 2, 0, 3)), nn.ZeroPad2d(2)
        self.same = nn.Conv2d(8, 8, 4, padding="same")
        self.circular = nn.Conv2d(8, 8, 3, padding=1, padding_mode="circular")
        self.register_buffer("scale", torch.linspace(0.5, 2, 8).reshape(1, 8, 1, 1))
        self.register_buffer("columns", torch.linspace(0, 1, 24))
        self.head = nn.LazyLinear(4)
        self.middle = middle

    def forward(self, x: Tensor) -> Tensor:
        x = self.middle(self, torch.tanh(self.stem(x)))
        result: Tensor = self.head(x.flatten(1))
        return result


def _shuffle(m: Any, x: Tensor) -> Tensor:
    batch, channels, height, width = x.shape
    x = x.view(batch, 2, channels // 2, height, width).transpose(1, 2).contiguous()
    return m.a(x.view(batch, -1, height, width))


def _in_place_on_a_shared_tensor(m: Any, x: Tensor) -> Tensor:
    y = m.relu(x)  # changes x as well
    return m.a(x + 2 * y)


def _in_place_on_a_view(m: Any, x: Tensor) -> Tensor:
    view = x[:, :4]
    view.relu_()
    return m.a(x)


def _in_place_method(m: Any, x: Tensor) -> Tensor:
    y = m.a(x)
    y.mul_(2).add_(x)
    F.relu_(y)
    return m.b(y) - y


def _assignment(m: Any, x: Tensor) -> Tensor:
    x = x.clone()
    x[:, :, ::2] = 0
    return m.a(x)


def _split(m: Any, x: Tensor) -> Tensor:
    left, right = x.chunk(2, dim=1)
    first, second, third = torch.split(x, [1, 4, 3], 1)
    return m.a(torch.cat([right * 2, left.relu()], 1)) + m.b(torch.cat((second, third, first), dim=1))


# what: (function, whether a rule must exist for all up to the head's first step)
MIDDLES: dict[str, tuple[Callable[[Any, Tensor], Tensor], bool]] = {
    "branches": (lambda m, x: torch.relu(m.norm(m.a(x))) * m.b(x) + x, True),
    "functional in place": (lambda m, x: m.b(F.relu(m.a(x), inplace=True)), True),
    "functional in place, by position": (lambda m, x: m.b(F.leaky_relu(m.a(x), 0.2, True)), False),
    "in-place methods": (_in_place_method, True),
    "in place on a shared tensor": (_in_place_on_a_shared_tensor, True),
    "in place on a view": (_in_place_on_a_view, False),
    "assignment to a slice": (_assignment, False),
    "one module twice": (lambda m, x: m.a(m.relu(m.a(m.relu(m.a(x))))), True),
    "shared statistics": (lambda m, x: m.norm(m.a(x)) + m.norm(x), True),
    "channel shuffle": (_shuffle, False),
    "chunks": (_split, False),
    "channel slices": (lambda m, x: m.a(torch.cat([x[:, 4:], x[:, :4]], 1)), False),
    "a slice of space": (lambda m, x: m.a(x[:, :, ::2, 1:-1]), False),
    "an ellipsis": (lambda m, x: m.a(x[..., 3:]), False),
    "padding": (lambda m, x: m.a(F.pad(x, (1, 3, 2, 0), value=0.7)), False),
    "negative padding": (lambda m, x: m.a(F.pad(x, (-1, 3, 2, -2))), False),
    "padded columns": (lambda m, x: m.a(F.relu(F.pad(x, (2, 1), value=-0.3) + 0.1)), False),
    "padded channels": (lambda m, x: F.pad(m.a(x), (0, 0, 0, 0, 1, 3)), False),
    "reflection": (lambda m, x: m.a(m.reflect(x)), False),
    "circular convolution": (lambda m, x: m.a(m.circular(x)), False),
    "zero padding": (lambda m, x: m.a(m.zero(x)), False),
    "same padding": (lambda m, x: m.a(m.same(x)), True),
    "nearest upsampling": (lambda m, x: m.a(F.interpolate(x, scale_factor=2)), False),
    "bilinear upsampling": (lambda m, x: m.a(F.interpolate(x, scale_factor=2, mode="bilinear")), False),
    "transposed convolution": (lambda m, x: m.a(m.up(x)), False),
    "mirror image": (lambda m, x: m.a(x.flip(3)), False),
    "roll": (lambda m, x: m.a(x.roll(3, 2)), False),
    "space transposed": (lambda m, x: m.a(x.transpose(2, 3)), False),
    "concatenated in space": (lambda m, x: m.a(torch.cat([x, x.flip(2)], 2)), False),
    "group norm": (lambda m, x: m.a(m.group(x)), False),
    "instance norm": (lambda m, x: m.a(m.instance(x)), False),
    "softmax over channels": (lambda m, x: m.a(x.softmax(1)), False),
    "softmax over space": (lambda m, x: m.a(F.softmax(x, dim=-1)), False),
    "normalised over channels": (lambda m, x: m.a(F.normalize(x)), False),
    "a prelu": (lambda m, x: m.a(m.prelu(x)), True),
    "neighbouring channels": (lambda m, x: m.a(F.local_response_norm(x, 3)), False),
    "squeeze and excitation": (lambda m, x: m.a(x * torch.sigmoid(m.squeeze(x.mean((2, 3), keepdim=True)))), False),
    "divided by its maximum": (lambda m, x: m.a(x / x.amax((1, 2, 3), keepdim=True)), False),
    "a constant per channel": (lambda m, x: m.a(x * m.scale - 0.3), True),
    "a constant per column": (lambda m, x: m.a(x * m.columns), False),
    "numbers from the shape": (lambda m, x: m.a(x * x.shape[2] / x.size(3) + x.dim()), True),
    "coordinates": (lambda m, x: m.a(x + torch.ones_like(x).cumsum(3)), False),
    "a mean and a view": (lambda m, x: m.a(x).mean((2, 3)).view(x.size(0), -1), True),
    "pooled and reshaped": (lambda m, x: F.adaptive_avg_pool2d(m.a(x), 1).reshape(x.shape[0], 8), True),
    "clipped": (lambda m, x: m.a(x.clamp(-0.2, 0.3).abs().sqrt()), True),
    "where": (lambda m, x: m.a(torch.where(x > 0, x, x * 0.1)), True),
    "dropout": (lambda m, x: m.a(m.dropout(F.dropout(x, 0.3, training=False))), False),
    "maps over the batch": (lambda m, x: m.a(x.reshape(-1, 1, *x.shape[2:]).reshape(x.shape)), False),
    "space and channels mixed": (lambda m, x: m.a(x.permute(0, 2, 1, 3).reshape(x.shape)), False),
    "pixels to channels": (lambda m, x: F.pixel_unshuffle(x, 2), False),
    "convolution without batch": (lambda m, x: F.unfold(x, 3), False),
    "maximum of two": (lambda m, x: m.a(torch.maximum(m.a(x), m.b(x))), True),
    "average pooling": (lambda m, x: m.a(F.avg_pool2d(x, 3, 2, 1)), True),
    "average pooling, even": (lambda m, x: m.a(F.avg_pool2d(x, 2, ceil_mode=True, count_include_pad=False)), True),
    "average pooling, cut off": (lambda m, x: m.a(F.avg_pool2d(x, 3, 2, ceil_mode=True)), False),
    "average pooling, fewer at the rim": (lambda m, x: m.a(F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)), False),
    "average pooling, by a number": (lambda m, x: m.a(F.avg_pool2d(x, 3, 2, 1, divisor_override=4)), True),
    "max pooling": (lambda m, x: m.a(F.max_pool2d(x, 3, 2, 1, ceil_mode=True)), True),
    "max pooling with places": (lambda m, x: m.a(F.max_pool2d(x, 2, return_indices=True)[0]), False),
    "data-dependent control flow": (lambda m, x: m.a(x) if x.sum() > 0 else m.b(x), False),
    "a loop over the batch": (lambda m, x: torch.stack([m.a(one[None])[0] for one in x]), False),
}  # fmt: skip


def _own(name: str) -> nn.Module:
    def make() -> nn.Module:
        model = Own(MIDDLES[name][0]).eval()
        model(torch.rand(1, 3, 20, 24))
        return model

    return _built(make)


@pytest.mark.parametrize("name", MIDDLES)
def test_networks_of_ones_own(name: str) -> None:
    ours = _exact(_own(name), _random(0, 2, 3, 20, 24), (4, 5), n=9)
    middle = [i for i, s in enumerate(ours._steps) if s.rule is not None]
    if MIDDLES[name][1]:
        assert ours.exact_by == "increments"
        assert max(middle) >= 2  # more than the stem


@pytest.mark.parametrize(
    "name", ["branches", "padding", "negative padding", "channel shuffle", "squeeze and excitation"]
)
def test_in_whole_maps_and_in_rectangles_throughout(name: str) -> None:
    for dense_from in (0.0, 0.4, 2.0):
        _exact(_own(name), _random(0, 2, 3, 20, 24), (4, 5), n=9, dense_from=dense_from)


def test_rules_are_used_where_they_should_be() -> None:
    """Every kind that is said to have a rule goes on with rectangles up to its last convolution."""
    for name, (_, ruled) in MIDDLES.items():
        ours = IncrementalModel(_own(name), _random(0, 1, 3, 20, 24))
        if ruled and name not in ("a mean and a view", "pooled and reshaped"):
            flat = next(i for i, s in enumerate(ours._steps) if getattr(s.value, "ndim", 4) == 2)
            without = [i for i, s in enumerate(ours._steps[:flat]) if s.rule is None and isinstance(s.value, Tensor)]
            assert without == [], name


def test_a_classifier_around_a_network_with_its_own_normalisation() -> None:
    model = Classifier(_built(Residual), mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.25)).double().eval()
    assert _exact(model, _random(0, 3, 3, 21, 34), (7, 4)).exact_by == "increments"


def test_a_patch_as_large_as_the_image_and_one_pixel() -> None:
    model, images = _built(Residual), _random(0, 2, 3, 19, 23)
    _exact(model, images, (19, 23))
    _exact(model, images, (1, 1), n=12)


# --------------------------------------------------------------------------------------------- behaviour


def test_a_hook_is_respected() -> None:
    model = _built(Residual)
    model.get_submodule("a").register_forward_hook(lambda module, inputs, output: output * 2)
    assert _exact(model, _random(0, 1, 3, 20, 20), (5, 5)).exact_by == "plain batches"


def test_a_replaced_forward_is_respected() -> None:
    model = _built(Residual)
    layer: Any = model.get_submodule("a")
    layer.forward = lambda x: x * 2
    _exact(model, _random(0, 1, 3, 20, 20), (5, 5))


class Keeps(nn.Module):
    """Keeps what it is asked about, and does to a picture what it does to nothing else."""

    def __init__(self, masked: float = 0.0) -> None:
        super().__init__()
        self.body, self.asked, self.masked = Residual(), list[type](), masked

    def forward(self, x: Tensor) -> Tensor:
        self.asked.append(type(x))
        result: Tensor = self.body((x - 0.5) / 0.1 if isinstance(x, Tensor) else x)
        return result + self.masked * (torch.arange(result.shape[1]) == 1)


def test_the_readers_module_does_not_run_while_it_is_traced() -> None:
    model: Any = _built(Keeps)
    IncrementalModel(model, _random(0, 1, 3, 20, 20))
    assert set(model.asked) == {Tensor}


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("masked", [0.0, -1e4, 1e6, -3e38])
def test_a_trace_that_gives_another_answer_is_not_used(masked: float, dtype: torch.dtype) -> None:
    """A class that is masked by a large number does not hide what happens to the others."""
    ours = _compare(_built(lambda: Keeps(masked), dtype), _random(0, 1, 3, 20, 20, dtype=dtype), (5, 5))[-1]
    assert ours.exact_by == "plain batches"
    assert "another answer" in str(ours.why)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_a_patch_that_no_logit_sees_is_no_reason_for_plain_batches(dtype: torch.dtype) -> None:
    def corners() -> nn.Module:
        layers: list[nn.Module] = [nn.Conv2d(3, 64, 1, (19, 23))]
        for _ in range(6):
            layers += [nn.Conv2d(64, 64, 3, 1, 1), nn.BatchNorm2d(64), nn.ReLU()]
        return nn.Sequential(*layers, nn.Flatten(), nn.Linear(256, 500))

    images = _random(0, 1, 3, 20, 24).to(dtype)
    assert IncrementalModel(_built(corners, dtype), images).exact_by == "increments"


# What a network makes of the other images of a batch: a share of them leaks into each.
LEAKS: dict[str, Callable[[Tensor], Any]] = {
    "the mean": lambda x: x.mean(),
    "the first": lambda x: x[:1].mean(),
    "the largest": lambda x: x.max(),
    "the median": lambda x: x.median(),
    "a number": lambda x: float(x.std()),
    "a loop": lambda x: sum(one.mean() for one in x) / len(x),
    "a condition": lambda x: 1.0 if bool(x.mean() > 10) else x.mean(),
}


class Leaks(nn.Module):
    def __init__(self, name: str, end: bool) -> None:
        super().__init__()
        self.body, self.name, self.end = Residual(), name, end

    def forward(self, x: Tensor) -> Tensor:
        leak = 1 + 5e-4 * LEAKS[self.name](x)
        result: Tensor = self.body(x if self.end else x * leak)
        return result * leak if self.end else result


@pytest.mark.parametrize("end", [False, True])
@pytest.mark.parametrize("incremental", [False, True])
@pytest.mark.parametrize("name", LEAKS)
def test_each_copy_is_answered_as_if_it_were_alone(name: str, incremental: bool, end: bool) -> None:
    """In single precision a leak may be too small to be refused; it is a large part of a drop all the same."""
    model, images = _built(lambda: Leaks(name, end), torch.float32), 0.8 * _random(0, 2, 3, 20, 24, dtype=torch.float32)
    error, drops, _, ours = _compare(model, images, (9, 9), n=8, incremental=incremental)
    assert error < 1e-4 * drops
    assert ours._batch_size == 1


class Hides(nn.Module):
    """Its second image is told of the first, by a unit that is dead where the picture is bright."""

    def forward(self, x: Tensor) -> Tensor:
        alive = (0.6 - x.mean((1, 2, 3))).relu() * (1 + 5e-4 * x[:1].mean())
        return torch.stack([alive, 2 - alive], 1)


def test_a_leak_that_dead_units_hide_from_one_pair_is_found_by_the_other() -> None:
    images = 0.8 * _random(0, 1, 3, 20, 24, dtype=torch.float32)
    both = Hides()(torch.cat([images, 1 - images / 2]))
    assert both[1, 0] == 0 < both[0, 0]  # this pair would show nothing
    assert IncrementalModel(Hides().eval(), images)._batch_size == 1


class OneByOne(nn.Module):
    """As exported for a single image."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.head(self.conv(x).relu().mean((2, 3)).view(1, 4))
        return result


def test_rounding_is_no_other_answer_where_no_logit_moves_and_one_is_small() -> None:
    def make() -> nn.Module:
        maps = nn.Conv2d(4, 6, (4, 2), 3, (2, 0), groups=2), nn.Conv2d(6, 12, (1, 4), (3, 1), (1, 3), (1, 2), 6, False)
        return nn.Sequential(*maps, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(48, 3))

    seen = IncrementalModel(_built(make), _random(0, 2, 4, 7, 23), dense_from=0.3)
    assert (seen.exact_by, seen.why) == ("increments", None)


def test_a_network_that_takes_one_image_at_a_time() -> None:
    _exact(_built(OneByOne), _random(0, 3, 3, 20, 24), (5, 4))


def test_ordinary_networks_run_in_batches() -> None:
    for name in MIDDLES:
        assert IncrementalModel(_own(name), _random(0, 1, 3, 20, 24))._batch_size is None, name


@pytest.mark.parametrize("incremental", [False, True])
@pytest.mark.parametrize("change", ["in place", "replaced", "loaded", "a buffer"])
def test_weights_that_change_are_noticed(change: str, incremental: bool) -> None:
    model: Any = _built(Residual)
    ours = IncrementalModel(model, _random(0, 1, 3, 20, 20), incremental=incremental)
    arguments = (torch.zeros(1, 3, 4, 4).double(), torch.tensor([2]), torch.tensor([3]))
    ours.run(*arguments)
    conv = next(m for m in model.modules() if isinstance(m, nn.Conv2d))
    with torch.no_grad():
        if change == "in place":
            conv.weight.mul_(2)
        elif change == "replaced":
            conv.weight = nn.Parameter(2 * conv.weight)
        elif change == "loaded":
            model.load_state_dict({k: v.clone() for k, v in model.state_dict().items()})
        else:
            next(model.buffers()).add_(1)
    with pytest.raises(ValueError, match="the model's weights have changed"):
        ours.run(*arguments)


def test_the_reason_for_whole_maps_can_be_read() -> None:
    class Mixes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.mix, self.head = nn.Conv2d(3, 8, 2, 2), nn.Linear(100, 100), nn.Linear(8, 3)

        def forward(self, x: Tensor) -> Tensor:
            result: Tensor = self.head(self.mix(self.stem(x).flatten(2)).relu().mean(2))
            return result

    ours = IncrementalModel(_built(Mixes), _random(0, 1, 3, 20, 20))
    assert ours.exact_by == "whole maps"
    assert "% of the work is done in rectangles" in str(ours.why)


def test_a_network_that_cannot_be_copied_has_one_type() -> None:
    class Locked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.lock = Residual(), threading.Lock()

        def forward(self, x: Tensor) -> Tensor:
            result: Tensor = self.body(x)
            return result

    model, images = _built(Locked), _random(0, 1, 3, 20, 20)
    assert _exact(model, images, (5, 5)).exact_by == "plain batches"
    with pytest.raises(TypeError, match=r"the Locked cannot be copied, which dtype=torch.float32 needs .*expected"):
        IncrementalModel(model, images, dtype=torch.float32)


@pytest.mark.parametrize("name", ["branches", "data-dependent control flow", "in-place methods", "group norm"])
def test_model_images_and_random_state_stay_as_they_were(name: str) -> None:
    model, images = _own(name), _random(0, 2, 3, 20, 24)
    model.requires_grad_(True)
    before = images.clone()
    with unchanged(model):
        ours = IncrementalModel(model, images)
        ours.run(_random(1, 2, 3, 4, 4), torch.tensor([0, 3]), torch.tensor([5, 1]), torch.tensor([0, 1]))
        occlusion_grid(model, images, 0, patch=5, stride=5)
    assert torch.equal(images, before)


def test_the_clean_maps_stay_as_they_were() -> None:
    for name in ("in-place methods", "functional in place", "in place on a shared tensor", "branches"):
        ours = IncrementalModel(_own(name), _random(0, 1, 3, 20, 24))
        before = [s.value.clone() for s in ours._steps if isinstance(s.value, Tensor)]
        first = ours.run(_random(1, 1, 3, 6, 6), torch.tensor([7]), torch.tensor([2]))
        again = ours.run(_random(1, 1, 3, 6, 6), torch.tensor([7]), torch.tensor([2]))
        after = [s.value for s in ours._steps if isinstance(s.value, Tensor)]
        assert torch.equal(first, again)
        assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_a_patch_that_changes_nothing_gives_the_clean_answer_exactly() -> None:
    model, images = _built(Residual, torch.float32), _random(0, 2, 3, 20, 24, dtype=torch.float32)
    ours = IncrementalModel(model, images)
    patches = torch.stack([images[1, :, 3:9, 4:10], images[0, :, 3:9, 4:10]])
    result = ours.run(patches, torch.tensor([3, 3]), torch.tensor([4, 4]), torch.tensor([1, 1]))
    assert torch.equal(result[0], ours.clean[1])
    assert not torch.equal(result[1], ours.clean[1])


def test_a_patch_that_changes_some_pixels_only_counts() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(128, 3)).eval()
    image = torch.rand(1, 1, 8, 8)
    image[..., :4, :4] = 0
    covered = image.clone()
    covered[..., 2:6, 2:6] = 0  # a quarter of it was black before
    at = torch.tensor([2])
    answer = IncrementalModel(model, image).run(torch.zeros(1, 1, 4, 4), at, at)
    torch.testing.assert_close(answer, model(covered).detach())
    assert not torch.allclose(answer, model(image))


def test_no_positions() -> None:
    ours = IncrementalModel(_built(Residual), _random(0, 1, 3, 20, 24))
    nothing = torch.zeros(0, dtype=torch.int64)
    assert ours.run(torch.zeros(0, 3, 4, 4).double(), nothing, nothing).shape == (0, 4)


@pytest.mark.parametrize("batch_size", [1, 3, None])
def test_more_images_than_are_kept_at_once(batch_size: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "KEPT", 1 << 17)
    model, images = _built(Residual), _random(0, 7, 3, 20, 24)
    ours = _exact(model, images, (5, 4), n=30, batch_size=batch_size)
    assert ours._together < 7


def test_the_batch_size_bounds_the_copies_in_flight(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    take = patchwork.CleanMaps.take

    def noting(self: Any, *args: Any) -> Tensor:
        result = take(self, *args)
        taken.append(len(result))
        return result

    monkeypatch.setattr(patchwork.CleanMaps, "take", noting)
    _exact(_built(Residual), _random(0, 2, 3, 20, 24), (5, 4), n=30, batch_size=3)
    assert max(taken) == 3


@pytest.mark.parametrize("name", ["branches", "data-dependent control flow"])
def test_half_as_many_when_memory_runs_out(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, images = _own(name), _random(0, 1, 3, 20, 24)
    sizes: list[int] = []

    def scarce(work: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def limited(self: Any, first: Any, *args: Any, **kwargs: Any) -> Tensor:
            sizes.append(len(first))
            if len(first) > 3:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.")
            return work(self, first, *args, **kwargs)

        return limited

    for method in ("_part", "_plain"):
        monkeypatch.setattr(IncrementalModel, method, scarce(getattr(IncrementalModel, method)))
    _exact(model, images, (4, 5), n=20)
    assert max(sizes) > 3
    assert sizes[-1] <= 3


@pytest.mark.parametrize("name", ["branches", "data-dependent control flow"])
def test_every_position_comes_once_although_memory_runs_out(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, image = _own(name), _random(0, 1, 3, 20, 24)
    image[..., 12:] = 0

    def scarce(work: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def limited(self: Any, first: Any, *args: Any, **kwargs: Any) -> Tensor:
            if len(first) > 1:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.")
            return work(self, first, *args, **kwargs)

        return limited

    for method in ("_part", "_plain"):
        monkeypatch.setattr(IncrementalModel, method, scarce(getattr(IncrementalModel, method)))
    cols = torch.arange(0, 20, 2).numpy()
    black = torch.zeros(1, 3, 4, 4).double()
    stream = IncrementalModel(model, image).stream(
        lambda chosen: black.expand(len(chosen), -1, -1, -1), (4, 4), 0 * cols, cols, 0 * cols
    )
    assert sorted(p for positions, _ in stream for p in positions.tolist()) == list(range(10))


def test_two_streams_in_turn_do_not_see_each_others_images() -> None:
    """The maps of one image are kept at a time; each stream must have its own."""
    model, images = _built(Residual), _random(0, 2, 3, 20, 24)
    index = torch.arange(2).repeat_interleave(70)  # the first stream goes on to image 1 while the other is at image 0
    zero, cols, patches = 0 * index, torch.arange(140) % 20, _random(1, 140, 3, 4, 4)
    expected = IncrementalModel(model, images).run(patches, zero, cols, index)
    ours = IncrementalModel(model, images, batch_size=1)
    arguments = (patches.__getitem__, (4, 4), zero.numpy(), cols.numpy(), index.numpy())
    for pair in zip(ours.stream(*arguments), ours.stream(*arguments), strict=True):
        for positions, logits in pair:
            torch.testing.assert_close(logits, expected[positions], rtol=0, atol=1e-12)


def test_after_an_interrupt_all_maps_are_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    model, images = _built(Residual), _random(0, 2, 3, 20, 24)
    ours = IncrementalModel(model, images, batch_size=1)
    arguments = (_random(1, 1, 3, 4, 4), torch.tensor([3]), torch.tensor([5]), torch.tensor([1]))
    step = ours._steps[len(ours._steps) // 2]

    def interrupt(*args: Any, **kwargs: Any) -> Tensor:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(step, "fn", interrupt)
        with pytest.raises(KeyboardInterrupt):
            ours.run(*arguments)
    torch.testing.assert_close(
        ours.run(*arguments), IncrementalModel(model, images).run(*arguments), rtol=0, atol=1e-12
    )


def test_other_errors_are_not_taken_for_a_lack_of_memory() -> None:
    def fails(positions: Any) -> list[tuple[Tensor, Tensor]]:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        list(memory.halving(_places(0, 4, 9).numpy(), 2, fails))


def test_the_largest_activation_is_measured() -> None:
    model = nn.Sequential(nn.Conv2d(3, 50, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(50, 2))
    with torch.no_grad():
        assert memory.largest_activation(model, torch.zeros(2, 3, 8, 8)) == 2 * 50 * 64 * 4


def test_images_stay_as_they_were_though_the_network_works_in_place_on_its_input() -> None:
    class InPlace(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(3, 2)

        def forward(self, x: Tensor) -> Tensor:
            x.sub_(0.5).div_(0.5)
            result: Tensor = self.head(x.mean((2, 3)))
            return result if bool((x < 1).all()) else 2 * result  # which no graph shows

    images = _random(0, 2, 3, 20, 24)
    before = images.clone()
    assert _exact(_built(InPlace), images, (4, 5)).exact_by == "plain batches"
    assert torch.equal(images, before)


def test_memory_is_flat_in_the_number_of_positions() -> None:
    """Count the tensors that are alive whenever patches are asked for, with 9 positions and with 289."""

    def alive(stride: int) -> int:
        ours = IncrementalModel(_built(Residual), _random(0, 1, 3, 40, 40), batch_size=4)
        starts = torch.arange(0, 33, stride)
        rows, cols = (g.flatten().numpy() for g in torch.meshgrid(starts, starts, indexing="ij"))
        most = 0

        def patches(chosen: Tensor) -> Tensor:
            nonlocal most
            gc.collect()
            tensors = [t for t in gc.get_objects() if isinstance(t, Tensor)]
            most = max(most, sum(t.numel() for t in tensors))
            return torch.full((len(chosen), 3, 8, 8), 0.3, dtype=torch.float64)

        for _ in ours.stream(patches, (8, 8), rows, cols, 0 * rows):
            pass
        return most

    gc.collect()
    gc.freeze()  # what was there before need not be looked through each time
    try:
        few, many = alive(16), alive(2)
    finally:
        gc.unfreeze()
    assert many < few * 1.1 + 289 * 10


def test_bfloat16_is_close_and_leaves_the_model_alone() -> None:
    model, images = _built(Residual, torch.float32), _random(0, 1, 3, 40, 40, dtype=torch.float32)
    with unchanged(model):
        error, _, largest, ours = _compare(model, images, (8, 8), dtype=torch.bfloat16)
    assert 0 < error < 0.05 * largest
    assert ours.clean.dtype == torch.float32


class Sleeps(Residual):
    """Takes long in some types, on any processor."""

    def __init__(self, *slow: torch.dtype) -> None:
        super().__init__()
        self.slow = slow

    def forward(self, x: Tensor) -> Tensor:
        if x.dtype in self.slow:
            time.sleep(0.03)
        result: Tensor = super().forward(x)
        return result


def _warned(model: nn.Module, dtype: torch.dtype | None) -> list[str]:
    images = _random(0, 1, 3, 20, 24, dtype=torch.float32)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        occlusion_grid(model, images, 0, patch=8, stride=8, dtype=dtype)
    return [str(w.message) for w in seen if "times as long" in str(w.message)]


@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
def test_half_precision_that_is_slower_is_warned_of(half: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    both = (torch.float16, torch.bfloat16)
    slow = _built(lambda: Sleeps(*both), torch.float32)
    (message,) = _warned(slow, half)
    assert re.match(rf"{half} takes \d+\.\d times as long as torch.float32 for this Sleeps on cpu; ", message)
    monkeypatch.setattr(time, "perf_counter", lambda: 1 / 0)  # nothing is timed any more
    assert _warned(slow, half) == [message]
    assert not _warned(slow, None)


def test_half_precision_that_is_as_fast_is_not_warned_of() -> None:
    assert not _warned(_built(lambda: Sleeps(torch.float32, torch.bfloat16), torch.float32), torch.bfloat16)
    assert not _warned(_built(lambda: Sleeps(torch.float32), torch.float32), torch.bfloat16)


# ---- what is kept with a network ----


def test_a_network_is_asked_again_only_when_something_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    plain = IncrementalModel._plain

    def counted(self: IncrementalModel, *args: Any) -> Tensor:
        asked.append(1)
        return plain(self, *args)

    monkeypatch.setattr(IncrementalModel, "_plain", counted)
    model, images = _built(Residual), _random(0, 3, 3, 20, 24)

    def again(images: Tensor = images, **options: Any) -> bool:
        asked.clear()
        seen = IncrementalModel(model, images, **options)
        assert seen.exact_by == "increments"
        close = {torch.float32: 1e-3}.get(seen._dtype, 1e-10)
        torch.testing.assert_close(seen.clean, model(images), rtol=close, atol=close)
        return bool(asked)

    assert again()
    assert not again()
    assert not again(1 - images)
    assert again(images[..., :20])
    assert again(dtype=torch.float32)
    assert not again()
    assert not again(dtype=torch.float32)
    with torch.no_grad():
        next(model.parameters()).mul_(1.5)
    assert again()
    assert not again()


@contextmanager
def _deterministic() -> Iterator[None]:
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)


@contextmanager
def _default(dtype: torch.dtype) -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


SETTINGS: dict[str, Callable[[], Any]] = {
    "deterministic": _deterministic,
    "float64": lambda: _default(torch.float64),
    "bfloat16": lambda: _default(torch.bfloat16),
    "meta": lambda: torch.device("meta"),
    "inference": torch.inference_mode,
    "a gradient": torch.enable_grad,
}


@pytest.mark.parametrize("fill", ["mean", "noise", "blur", "inpaint"])
@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("name", ["branches", "bilinear upsampling", "data-dependent control flow"])
def test_what_the_reader_has_set_changes_nothing(name: str, setting: str, fill: str) -> None:
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        model, images = _own(name).to(dtype), _random(5, 1, 3, 20, 24).to(dtype)
        for incremental in (True, False):
            options: dict[str, Any] = {"patch": 8, "stride": 8, "fill": fill, "incremental": incremental}
            expected = occlusion_grid(model, images, 1, **options)
            with SETTINGS[setting]():
                found = occlusion_grid(model, images, 1, **options)
            assert expected.any()
            assert found.dtype == expected.dtype
            assert torch.equal(found, expected)


@pytest.mark.parametrize("fill", ["mean", "noise", "blur", "inpaint"])
def test_autocast_is_a_step_of_its_type_away(fill: str) -> None:
    model, images = _own("branches").float(), _random(5, 1, 3, 20, 24, dtype=torch.float32)
    options: dict[str, Any] = {"patch": 8, "stride": 8, "fill": fill}
    expected = occlusion_grid(model, images, 1, **options)
    with torch.autocast("cpu", torch.bfloat16):
        found = occlusion_grid(model, images, 1, **options)
    assert (found - expected).abs().max() < 0.1 * expected.abs().max()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_batchnorm_that_no_convolution_takes_over_keeps_half_precision(dtype: torch.dtype) -> None:
    """Factor and summand are wider than the maps, which must not become so, or the next layer refuses them."""
    model, images = _own("shared statistics").float(), _random(0, 1, 3, 20, 24, dtype=torch.float32)
    error, _, largest, ours = _compare(model, images, (4, 5), dtype=dtype)
    assert ours.exact_by == "increments"
    assert 0 < error < 0.05 * largest
    assert {s.value.dtype for s in ours._steps if isinstance(s.value, Tensor)} == {dtype}


def test_an_explorer_asks_for_one_position() -> None:
    model, images = _built(Residual), _random(0, 1, 3, 20, 24)
    ours = IncrementalModel(model, images)
    one = ours.run(torch.zeros(1, 3, 6, 6).double(), torch.tensor([3]), torch.tensor([9]))
    images = images.clone()
    images[:, :, 3:9, 9:15] = 0
    with torch.no_grad():
        torch.testing.assert_close(one, model(images), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"patches": torch.zeros(2, 1, 4, 4)}, r"patches has shape \(2, 1, 4, 4\); expected \(N, 3, h, w\)"),
        (
            {"patches": torch.zeros(2, 3, 21, 4)},
            r"shape \(2, 3, 21, 4\); expected \(N, 3, h, w\), no larger than the im",
        ),
        (
            {"patches": torch.zeros(2, 3, 4, 25)},
            r"shape \(2, 3, 4, 25\); expected \(N, 3, h, w\), no larger than the im",
        ),
        ({"rows": torch.tensor([0, 17])}, r"rows has values from 0 to 17; expected 0 to 16"),
        ({"cols": torch.tensor([-1, 0])}, r"cols has values from -1 to 0; expected 0 to 20"),
        ({"index": torch.tensor([0, 2])}, r"index has values from 0 to 2; expected 0 to 1"),
        ({"index": None}, r"index is None for 2 images; expected an int tensor"),
        ({"rows": torch.tensor([0.0, 1.0])}, r"rows has shape \(2,\) and type float32; expected ints of shape \(2,\)"),
        ({"rows": torch.tensor([0])}, r"rows has shape \(1,\) and type int64; expected ints of shape \(2,\)"),
    ],
)
def test_arguments_that_do_not_fit(changes: dict[str, Any], message: str) -> None:
    ours = IncrementalModel(_built(Residual), _random(0, 2, 3, 20, 24))
    zero = torch.tensor([0, 1])
    arguments: dict[str, Any] = {"patches": torch.zeros(2, 3, 4, 4), "rows": zero, "cols": zero, "index": zero}
    with pytest.raises(ValueError, match=message):
        ours.run(**{**arguments, **changes})


def test_a_type_that_is_none() -> None:
    with pytest.raises(TypeError, match=r"dtype is torch.int8; expected a floating-point type"):
        IncrementalModel(_built(Residual), _random(0, 1, 3, 20, 20), dtype=torch.int8)
