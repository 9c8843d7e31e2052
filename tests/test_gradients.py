"""Each method is what its formula says: identities, Captum as the oracle, and the state that it must leave."""

import copy
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from captum.attr import (
    GuidedBackprop,
    InputXGradient,
    IntegratedGradients,
    LayerAttribution,
    LayerGradCam,
    NoiseTunnel,
    Saliency,
)
from torch import Tensor, nn
from torch.overrides import _get_current_function_mode_stack
from torch.utils._python_dispatch import _get_current_dispatch_mode_stack

from tests.state import state, unchanged
from vislib import gradients as g
from vislib.activations import record, watching
from vislib.explain import Score, logit, probability

METHODS: dict[str, Callable[..., Tensor]] = {
    "gradient": g.gradient,
    "pixel_gradient": g.pixel_gradient,
    "input_x_gradient": g.input_x_gradient,
    "smoothgrad": partial(g.smoothgrad, n=5, sigma=0.1),
    "smoothgrad_squared": partial(g.smoothgrad_squared, n=5, sigma=0.1),
    "vargrad": partial(g.vargrad, n=5, sigma=0.1),
    "integrated_gradients": partial(g.integrated_gradients, steps=5, baseline="mean"),
    "guided_backprop": g.guided_backprop,
    "grad_cam": g.grad_cam,
}
NOISY = [g.smoothgrad, g.smoothgrad_squared, g.vargrad]
TARGET = torch.tensor([3, 0, 4])


def close(ours: Tensor, expected: Tensor, share: float = 1e-5) -> None:
    """Check that two maps agree to a share of the largest value, and that there is something to agree about."""
    largest = float(expected.detach().abs().max())
    assert largest > 1e-9
    torch.testing.assert_close(ours, expected.detach(), rtol=0, atol=share * largest)


class Linear(nn.Module):
    """Logits that are linear in the pixels: weights (K, C, H, W)."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(5, 3, 16, 16, generator=torch.Generator().manual_seed(3)))

    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("bchw,kchw->bk", x, self.weight) + 2


# ---- identities ----


def test_on_a_linear_model_the_gradient_is_the_weights(images: Tensor) -> None:
    model = Linear()
    weight = model.weight[TARGET]
    assert torch.equal(g.pixel_gradient(model, images, TARGET), weight)
    close(g.gradient(model, images, TARGET), weight.abs().sum(1))
    close(g.input_x_gradient(model, images, TARGET), (weight * images).sum(1))
    close(g.smoothgrad(model, images, TARGET), weight.abs().sum(1))
    close(g.smoothgrad_squared(model, images, TARGET), weight.square().sum(1))
    assert not g.vargrad(model, images, TARGET).any()


def test_on_a_linear_model_integrated_gradients_is_input_times_gradient(images: Tensor) -> None:
    model = Linear()
    expected = g.input_x_gradient(model, images, TARGET)
    for steps in (1, 7, 64):
        close(g.integrated_gradients(model, images, TARGET, steps=steps), expected)
    close(
        g.integrated_gradients(model, images, TARGET, baseline="white"),
        (model.weight[TARGET] * (images - 1)).sum(1),
    )


def test_without_noise_smoothgrad_is_the_gradient(cnn: nn.Module, images: Tensor) -> None:
    grad = g.pixel_gradient(cnn, images, TARGET)
    assert torch.equal(g.smoothgrad(cnn, images, TARGET, n=1, sigma=0), grad.abs().sum(1))
    close(g.smoothgrad(cnn, images, TARGET, n=9, sigma=0), grad.abs().sum(1))
    close(g.smoothgrad_squared(cnn, images, TARGET, n=9, sigma=0.0), grad.square().sum(1))
    assert float(g.vargrad(cnn, images, TARGET, n=9, sigma=0).max()) < 1e-10


def test_smoothgrad_squared_is_vargrad_and_the_square_of_the_mean(cnn: nn.Module, images: Tensor) -> None:
    draws = []
    for k in range(1, 7):  # the sums of the first k draws give each draw
        draws.append(k * _mean_gradient(cnn, images, k))
    each = torch.stack([draws[0], *(b - a for a, b in pairwise(draws))])
    close(g.smoothgrad_squared(cnn, images, TARGET, n=6, sigma=0.3), each.square().mean(0).sum(1))
    close(g.vargrad(cnn, images, TARGET, n=6, sigma=0.3), each.var(0, unbiased=False).sum(1))


def _mean_gradient(model: nn.Module, images: Tensor, n: int) -> Tensor:
    """Return the mean gradient of n noisy copies, drawn here again."""
    generator = torch.Generator().manual_seed(0)
    noise = [torch.randn(images.shape[1:], generator=generator) for _ in range(n)]
    return sum(g.pixel_gradient(_Shifted(model, 0.3 * z), images, TARGET) for z in noise) / n  # type: ignore[return-value]


class _Shifted(nn.Module):
    def __init__(self, model: nn.Module, by: Tensor) -> None:
        super().__init__()
        self.model, self.by = model, by

    def forward(self, x: Tensor) -> Any:
        return self.model(x + self.by)


def test_the_gradient_is_the_slope(cnn: nn.Module, images: Tensor) -> None:
    cnn, images = cnn.double(), images.double()
    grad = g.pixel_gradient(cnn, images, TARGET, score=probability)
    way = torch.randn(images.shape, generator=torch.Generator().manual_seed(5)).double()
    step = 1e-7
    with torch.no_grad():
        up, down = (probability(cnn(images + s * step * way), TARGET) for s in (1, -1))
    close((grad * way).sum((1, 2, 3)), (up - down) / (2 * step), share=1e-5)


def test_vargrad_keeps_a_small_variance_beside_a_large_mean(images: Tensor) -> None:
    class Steep(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.stack([(1000 * x + 0.5 * x.square()).sum((1, 2, 3)), x.sum((1, 2, 3))], 1)

    heat = g.vargrad(Steep(), images, 0, n=200, sigma=0.1)  # the gradient is 1000 + x
    assert heat.mean() == pytest.approx(3 * 0.01, rel=0.05)


def test_integrated_gradients_is_complete(cnn: nn.Module, images: Tensor) -> None:
    heat = g.integrated_gradients(cnn, images, TARGET, steps=256, baseline="blur")
    gap = g.completeness_gap(cnn, images, TARGET, heat, baseline="blur")
    assert gap.shape == (3,)
    assert float(gap.max()) < 0.01
    assert float(g.completeness_gap(cnn, images, TARGET, 2 * heat, baseline="blur").min()) > 0.9


@pytest.mark.slow
@pytest.mark.xfail(
    strict=True,
    reason="gaps of 1.5, 8.9, 15.6 and 3.0 % at 128 steps: the logit makes most of its way in the first eighth of "
    "the path from black, and nearly all of the error arises there; midpoints of the cubed path leave 0.5, 0.3, 3.2 and 2.3 %",
)
def test_integrated_gradients_is_complete_on_the_default_network() -> None:
    from vislib import data, models

    model = models.load()
    for name in ("coffee", "motorcycle", "cat", "palace"):
        photo = model.preprocess(data.photo(name))
        with torch.no_grad():
            target = model(photo).argmax(1)
        heat = g.integrated_gradients(model, photo, target, steps=128)
        assert float(g.completeness_gap(model, photo, target, heat)) < 0.01, name


def test_where_the_image_is_the_baseline_integrated_gradients_is_zero(cnn: nn.Module, images: Tensor) -> None:
    images[:, :, :, :8] = 0
    heat = g.integrated_gradients(cnn, images, TARGET)
    assert not heat[:, :, :8].any()
    assert heat[:, :, 8:].any()


def test_a_saturated_score_has_no_gradient(images: Tensor) -> None:
    class Saturated(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.stack([x.sum((1, 2, 3)).clamp(max=1), x.sum((1, 2, 3))], 1)

    assert not g.gradient(Saturated(), images, 0).any()
    assert g.gradient(Saturated(), images, 1).all()


# ---- Captum ----


class Other(nn.Module):
    """Residual, functional and strided: not in the course's list of networks."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.second = nn.Conv2d(8, 8, 3, padding=1, groups=4)
        self.norm = nn.GroupNorm(2, 8)
        self.act, self.act_, self.head = nn.ReLU(), nn.ReLU(), nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.first(x))
        x = self.act_(self.norm(self.second(x)) + x)
        return self.head(x.mean((2, 3)))


def _networks(cnn: nn.Module) -> dict[str, nn.Module]:
    from torchvision.models.resnet import BasicBlock, ResNet
    from torchvision.models.squeezenet import SqueezeNet

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return {"cnn": cnn, "other": Other().eval(), "resnet": ResNet(BasicBlock, [1, 1, 1, 1], num_classes=5).eval(),
                "squeezenet": SqueezeNet("1_1", num_classes=5).eval()}  # fmt: skip


@pytest.fixture(params=["cnn", "other", "resnet", "squeezenet"])
def network(request: pytest.FixtureRequest, cnn: nn.Module) -> nn.Module:
    return _networks(cnn)[request.param]


@pytest.fixture
def photos() -> Tensor:
    return torch.rand(3, 3, 33, 33, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("score", [logit, probability])
def test_captum_agrees(score: Score, network: nn.Module, photos: Tensor) -> None:
    network, photos = network.double(), photos.double()  # in single, a ReLU at its kink may fall to either side
    forward = network if score is logit else lambda x: network(x).softmax(1)
    expected = Saliency(forward).attribute(photos, TARGET, abs=False)
    close(g.pixel_gradient(network, photos, TARGET, score=score), expected)
    close(g.gradient(network, photos, TARGET, score=score), expected.abs().sum(1))
    product = InputXGradient(forward).attribute(photos, TARGET).sum(1)
    close(g.input_x_gradient(network, photos, TARGET, score=score), product)
    way = IntegratedGradients(forward).attribute(photos, 0.25, TARGET, n_steps=8, method="riemann_middle").sum(1)
    ours = g.integrated_gradients(network, photos, TARGET, score=score, steps=8, baseline=torch.tensor(0.25).double())
    close(ours, way)


@pytest.mark.filterwarnings("ignore:Setting backward hooks")
def test_captum_agrees_on_guided_backprop(network: nn.Module, photos: Tensor) -> None:
    oracle = _unplaced(network)  # Captum refuses ReLUs in place
    expected = GuidedBackprop(oracle).attribute(photos, TARGET).abs().sum(1)
    close(g.guided_backprop(network, photos, TARGET), expected)


def _unplaced(network: nn.Module) -> nn.Module:
    """Return a copy in which each place has a ReLU of its own, not in place, as Captum needs it."""
    network = copy.deepcopy(network)
    for module in network.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False
        if type(module).__name__ == "BasicBlock":  # whose one ReLU stands in two places
            module.again = nn.ReLU()
            module.forward = partial(_basic_block, module)  # type: ignore[method-assign]
    return network


def _basic_block(block: Any, x: Tensor) -> Tensor:
    out = block.bn2(block.conv2(block.relu(block.bn1(block.conv1(x)))))
    result: Tensor = block.again(out + (x if block.downsample is None else block.downsample(x)))
    return result


@pytest.mark.parametrize(
    ("name", "layer"), [("cnn", "4"), ("other", "second"), ("resnet", "layer3.0.conv1"), ("resnet", "layer4")]
)
def test_captum_agrees_on_grad_cam(name: str, layer: str, cnn: nn.Module, photos: Tensor) -> None:
    network = _networks(cnn)[name]
    small = LayerGradCam(network, network.get_submodule(layer)).attribute(photos, TARGET, relu_attributions=True)
    expected = LayerAttribution.interpolate(small, (33, 33), "bilinear")[:, 0]
    assert float(expected.max()) > 0
    torch.testing.assert_close(g.grad_cam(network, photos, TARGET, layer=layer), expected.detach(), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("method", "kind"), [(g.smoothgrad, "smoothgrad"), (g.smoothgrad_squared, "smoothgrad_sq"), (g.vargrad, "vargrad")]
)
def test_captum_agrees_within_the_error_of_chance(method: Any, kind: str, cnn: nn.Module, images: Tensor) -> None:
    """The spread between Captum's own runs is the error; ours lies among them."""
    n, sigma = 60, 0.2
    runs = []
    with torch.random.fork_rng(devices=[]):
        for seed in range(12):
            torch.manual_seed(seed)
            tunnel = NoiseTunnel(Saliency(cnn))
            runs.append(tunnel.attribute(images, kind, n, stdevs=sigma, target=TARGET, abs=False).abs().sum(1))
    theirs, ours = torch.stack(runs), method(cnn, images, TARGET, n=n, sigma=sigma)
    error = theirs.std(0) * (1 + 1 / len(runs)) ** 0.5
    off = ((ours - theirs.mean(0)) / error).square()[error > 0]
    assert 0.5 < float(off.mean()) < 2  # 1.2 is expected with twelve runs


# ---- ReLUs of every kind ----


class Functional(nn.Module):
    """Two convolutions with any function for a ReLU after each."""

    def __init__(self, relu: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            self.one, self.two = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1)
            self.head = nn.Linear(6, 5)
        self.relu = relu

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.one(x))
        x = self.relu(self.two(x))
        return self.head(x.mean((2, 3)))


RELUS: dict[str, Callable[[Tensor], Tensor]] = {
    "one module, twice": nn.ReLU(),
    "one module in place": nn.ReLU(inplace=True),
    "F.relu": F.relu,
    "F.relu in place": partial(F.relu, inplace=True),
    "F.relu_": F.relu_,
    "torch.relu": torch.relu,
    "torch.relu_": torch.relu_,
    "tensor.relu": lambda x: x.relu(),
    "tensor.relu_": lambda x: x.relu_(),
    "ReLU6": nn.ReLU6(),
    "ReLU6 in place": nn.ReLU6(inplace=True),
    "F.relu6": F.relu6,
    "F.relu6 in place": partial(F.relu6, inplace=True),
    "F.hardtanh": partial(F.hardtanh, min_val=0.0, max_val=6.0),
    "hardtanh by place": lambda x: F.hardtanh(x, 0, 6),
    "hardtanh_": lambda x: F.hardtanh_(x, 0.0, 6.0),
}


def _by_hand(model: Functional, images: Tensor, target: Tensor) -> Tensor:
    """Return the guided gradient, going back through the layers with the formula of the paper."""
    x1 = F.conv2d(images, model.one.weight, model.one.bias, padding=1)
    x2 = F.conv2d(x1.relu(), model.two.weight, model.two.bias, padding=1)
    back = (model.head.weight[target] / 256)[:, :, None, None].expand_as(x2)
    back = back.clamp(min=0) * (x2 > 0)
    back = F.conv_transpose2d(back, model.two.weight, padding=1)
    back = back.clamp(min=0) * (x1 > 0)
    return F.conv_transpose2d(back, model.one.weight, padding=1).abs().sum(1).detach()


@pytest.mark.parametrize("name", RELUS)
def test_guided_backprop_meets_every_kind_of_relu(name: str, images: Tensor) -> None:
    model = Functional(RELUS[name])
    expected = _by_hand(model, images, TARGET)
    with unchanged(model):
        heat = g.guided_backprop(model, images, TARGET)
    torch.testing.assert_close(heat, expected, rtol=0, atol=1e-7)
    assert not torch.allclose(heat, g.gradient(model, images, TARGET), atol=1e-5)


@pytest.mark.parametrize("relu", [F.silu, F.gelu, F.leaky_relu, torch.tanh, F.hardtanh, F.elu])
def test_guided_backprop_refuses_a_network_without_relu(relu: Callable[[Tensor], Tensor], images: Tensor) -> None:
    with pytest.raises(ValueError, match="the network has no ReLU; expected one with ReLU or ReLU6"):
        g.guided_backprop(Functional(relu), images, TARGET)


def test_a_relu_in_the_score_is_not_guided(cnn: nn.Module, images: Tensor) -> None:
    def falling(logits: Tensor, target: Tensor) -> Tensor:
        return -(10 - logit(logits, target)).relu()  # for logits below 10 it is the logit less 10

    expected = g.guided_backprop(cnn, images, TARGET)
    torch.testing.assert_close(g.guided_backprop(cnn, images, TARGET, score=falling), expected)


@pytest.mark.parametrize("name", METHODS)
def test_a_network_whose_first_layer_works_in_place(name: str, images: Tensor) -> None:
    body = [nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(784, 5)]
    plain, placed = nn.Sequential(nn.ReLU(), *body), nn.Sequential(nn.ReLU(inplace=True), *body)
    before = images.clone()
    assert torch.equal(METHODS[name](placed, images, 1), METHODS[name](plain, images, 1))
    assert torch.equal(images, before)


@pytest.mark.parametrize("name", METHODS)
def test_a_network_that_needs_the_plain_layout(name: str, images: Tensor) -> None:
    class Views(nn.Module):
        def __init__(self, flat: bool) -> None:
            super().__init__()
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                self.conv, self.head, self.flat = nn.Conv2d(3, 4, 3), nn.Linear(784, 5), flat

        def forward(self, x: Tensor) -> Any:
            x = self.conv(x).relu()
            return self.head(x.flatten(1) if self.flat else x.view(len(x), -1))

    expected = METHODS[name](Views(True), images, 1)
    torch.testing.assert_close(METHODS[name](Views(False), images, 1), expected, rtol=0, atol=1e-6)


# ---- Grad-CAM's layer ----


def test_the_layer_unless_given_is_the_last_map(cnn: nn.Module, photos: Tensor) -> None:
    networks = _networks(cnn)
    for name, layer in {"cnn": "5", "other": "act_", "resnet": "layer4", "squeezenet": "classifier.2"}.items():
        expected = g.grad_cam(networks[name], photos, TARGET, layer=layer)
        assert torch.equal(g.grad_cam(networks[name], photos, TARGET), expected)


def test_the_last_map_is_the_last_that_runs_wherever_it_is_written(images: Tensor) -> None:
    class Backwards(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(4, 5)
            self.last = nn.Conv2d(6, 4, 3)
            self.first = nn.Conv2d(3, 6, 3)

        def forward(self, x: Tensor) -> Any:
            return self.head(self.last(self.first(x).relu()).relu().mean((2, 3)))

    model = Backwards().eval()
    assert torch.equal(g.grad_cam(model, images, 1), g.grad_cam(model, images, 1, layer="last"))


def test_a_squeeze_after_the_last_map_keeps_its_part_of_the_gradient(images: Tensor) -> None:
    class Squeezed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.squeeze, self.head = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 1), nn.Linear(4, 5)

        def forward(self, x: Tensor) -> Any:
            x = self.conv(x)
            return self.head((x * self.squeeze(x.mean((2, 3), keepdim=True)).sigmoid()).mean((2, 3)))

    model = Squeezed().eval()
    for frozen in (False, True):
        model.requires_grad_(not frozen)
        found = model.conv(images).detach().requires_grad_()
        scale = model.squeeze(found.mean((2, 3), keepdim=True)).sigmoid()
        score = model.head((found * scale).mean((2, 3)))[:, 1].sum()
        weights = torch.autograd.grad(score, found)[0].mean((2, 3), keepdim=True)
        cam = (weights * found.detach()).sum(1, keepdim=True).relu()
        expected = F.interpolate(cam, images.shape[-2:], mode="bilinear", align_corners=False)[:, 0].detach()
        torch.testing.assert_close(g.grad_cam(model, images, 1), expected, rtol=0, atol=1e-6)


def test_a_layer_that_the_score_does_not_use(images: Tensor) -> None:
    class Aside(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.unused, self.head = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3), nn.Linear(4, 5)

        def forward(self, x: Tensor) -> Any:
            self.unused(x)
            return self.head(self.used(x).relu().mean((2, 3)))

    with pytest.raises(ValueError, match="no gradient at the layer 'unused'; expected one that it depends on"):
        g.grad_cam(Aside().eval(), images, 1, layer="unused")


def test_grad_cam_by_hand() -> None:
    model = nn.Sequential(
        nn.Conv2d(1, 1, 1, bias=False), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1, 2, bias=False)
    )
    nn.init.constant_(model[0].weight, 2.0)
    model[3].weight.data = torch.tensor([[3.0], [-3.0]])
    image = torch.tensor([[0.0, 0.5], [1.0, 0.25]])[None, None]
    # the map is 2x, and the mean gradient of the logit 3 / 4
    torch.testing.assert_close(g.grad_cam(model, image, 0)[0], 1.5 * image[0, 0])
    assert not g.grad_cam(model, image, 1).any()


def test_a_layer_that_does_not_fit(cnn: nn.Module, images: Tensor) -> None:
    with unchanged(cnn):
        with pytest.raises(ValueError, match="there is no layer 'conv9'"):
            g.grad_cam(cnn, images, 0, layer="conv9")
        with pytest.raises(ValueError, match=r"the layer '9' answers with shape \(3, 5\); expected maps"):
            g.grad_cam(cnn, images, 0, layer="9")
    with pytest.raises(ValueError, match="the model does not run the layer 'idle'"):
        g.grad_cam(_Idle(), images, 0, layer="idle")
    with pytest.raises(ValueError, match="the model has no convolution with a map; expected the name of a layer"):
        g.grad_cam(Linear(), images, 0)


class _Idle(Linear):
    def __init__(self) -> None:
        super().__init__()
        self.idle = nn.Conv2d(3, 3, 1)


# ---- batches, types, chance ----


@pytest.mark.parametrize("batch_size", [1, 4, 1000])
@pytest.mark.parametrize("name", METHODS)
def test_the_batch_size_does_not_matter(name: str, batch_size: int, cnn: nn.Module, images: Tensor) -> None:
    expected = METHODS[name](cnn, images, TARGET)
    result = METHODS[name](cnn, images, TARGET, batch_size=batch_size)
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", METHODS)
def test_the_batch_an_image_is_in_does_not_matter(name: str, cnn: nn.Module, images: Tensor) -> None:
    together = METHODS[name](cnn, images, TARGET)
    for b in range(3):
        alone = METHODS[name](cnn, images[b : b + 1], int(TARGET[b]))
        torch.testing.assert_close(alone[0], together[b], rtol=0, atol=1e-6)


@pytest.mark.parametrize("batch_size", [1, 2, 6])
@pytest.mark.parametrize("name", METHODS)
def test_the_batch_size_bounds_the_copies_in_flight(name: str, batch_size: int, cnn: nn.Module, images: Tensor) -> None:
    sizes: list[int] = []
    cnn.register_forward_pre_hook(lambda module, inputs: sizes.append(len(inputs[0])))
    METHODS[name](cnn, images, 0, batch_size=batch_size)
    assert max(sizes) <= batch_size
    copies = 15 if "n" in _options(name) or "steps" in _options(name) else 3
    assert sum(sizes) == copies + 1  # and one image that is asked about alone


def _options(name: str) -> dict[str, Any]:
    return getattr(METHODS[name], "keywords", {})


def test_a_safe_batch_size_is_chosen_for_large_images() -> None:
    model = nn.Sequential(nn.Conv2d(1, 1, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1, 2))
    sizes: list[int] = []
    model.register_forward_pre_hook(lambda module, inputs: sizes.append(len(inputs[0])))
    g.smoothgrad(model, torch.zeros(1, 1, 1024, 1024), 0, n=6)
    assert max(sizes) == 4
    sizes.clear()
    g.smoothgrad(model, torch.zeros(1, 1, 8, 8), 0, n=20)
    assert max(sizes) == 20


@pytest.mark.parametrize("name", METHODS)
def test_the_form_of_the_result(name: str, cnn: nn.Module, images: Tensor) -> None:
    cnn, images = cnn.double(), images.double().requires_grad_()
    heat = METHODS[name](cnn, images, 2)
    assert heat.shape == ((3, 3, 16, 16) if name == "pixel_gradient" else (3, 16, 16))
    assert heat.dtype == torch.float64
    assert not heat.requires_grad
    assert torch.equal(heat, METHODS[name](cnn, images, torch.tensor([2, 2, 2])))
    if name not in ("pixel_gradient", "input_x_gradient", "integrated_gradients"):
        assert float(heat.min()) >= 0
    with torch.no_grad():
        assert torch.equal(METHODS[name](cnn, images, 2), heat)
    with torch.inference_mode():
        assert torch.equal(METHODS[name](cnn, images.detach().clone(), 2), heat)


@pytest.mark.parametrize("method", NOISY)
def test_the_seed_is_the_noise(method: Any, cnn: nn.Module, images: Tensor) -> None:
    one = method(cnn, images, 0, n=4)
    assert torch.equal(one, method(cnn, images, 0, n=4, seed=0))
    assert float((one - method(cnn, images, 0, n=4, seed=1)).abs().mean() / one.mean()) > 0.1


@pytest.mark.parametrize("name", METHODS)
def test_parameter_gradients_are_not_computed(name: str, cnn: nn.Module, images: Tensor) -> None:
    met: list[str] = []
    for parameter in cnn.parameters():
        parameter.register_hook(lambda grad: met.append("a gradient"))
    METHODS[name](cnn, images, 0)
    assert met == []
    frozen = copy.deepcopy(cnn).requires_grad_(False)
    torch.testing.assert_close(METHODS[name](frozen, images, 0), METHODS[name](cnn, images, 0), rtol=0, atol=1e-6)


# ---- state ----


class Fails(nn.Module):
    """A model that raises in its forward pass at the second call, or on the way back."""

    def __init__(self, network: nn.Module, error: BaseException, where: str) -> None:
        super().__init__()
        self.network, self.error, self.where, self.calls = network, lambda: error, where, 0

    def forward(self, images: Tensor) -> Any:
        self.calls += 1
        logits = self.network(images)
        if self.where == "forward":
            raise self.error()
        if logits.requires_grad:
            logits.register_hook(self._raise)
        return logits

    def _raise(self, grad: Tensor) -> None:
        raise self.error()


def everything(model: nn.Module) -> dict[str, Any]:
    """Return what a routine must leave alone, modes included."""
    modes = (len(_get_current_function_mode_stack()), len(_get_current_dispatch_mode_stack()))
    return {**state(model), "modes": modes, "inference": torch.is_inference_mode_enabled()}


@pytest.mark.parametrize("name", METHODS)
def test_the_model_stays_as_it_was(name: str, cnn: nn.Module, images: Tensor) -> None:
    cnn[0].requires_grad_(False)
    cnn[5].train()  # a ReLU, whose mode matters to nobody
    before, pixels = everything(cnn), images.clone()
    METHODS[name](cnn, images, 0)
    assert everything(cnn) == before
    assert torch.equal(images, pixels)
    assert not images.requires_grad


@pytest.mark.parametrize("where", ["forward", "backward"])
@pytest.mark.parametrize("error", [RuntimeError("out of memory"), KeyboardInterrupt()], ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("name", METHODS)
def test_also_after_an_error_or_an_interrupt(
    name: str, error: BaseException, where: str, cnn: nn.Module, images: Tensor
) -> None:
    model = Fails(cnn, error, where).eval()
    before, pixels = everything(model), images.clone()
    with pytest.raises(type(error)):
        METHODS[name](model, images, 0)
    assert everything(model) == before
    assert torch.equal(images, pixels)
    assert model.calls > 0


@pytest.mark.parametrize(("ci", "shown"), [("", True), ("true", False)])
def test_a_progress_bar_on_request_but_not_under_ci(
    ci: str,
    shown: bool,
    cnn: nn.Module,
    images: Tensor,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CI", ci)
    g.smoothgrad(cnn, images, 0, n=2)
    assert capfd.readouterr().err == ""
    g.integrated_gradients(cnn, images, 0, steps=3, progress=True)
    assert ("gradients" in capfd.readouterr().err) == shown


def test_the_settings_of_cudnn_stay_the_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    cudnn, seen = torch.backends.cudnn, []
    monkeypatch.setattr(cudnn, "deterministic", not cudnn.deterministic)
    monkeypatch.setattr(cudnn, "benchmark", not cudnn.benchmark)
    wanted = (cudnn.deterministic, cudnn.benchmark, cudnn.enabled)

    class Asks(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            seen.append((cudnn.deterministic, cudnn.benchmark, cudnn.enabled))
            if cudnn.enabled and images.requires_grad:
                raise RuntimeError("cudnn RNN backward can only be called in training mode")
            return images.flatten(1)[:, :3]

    g.gradient(Asks().eval(), torch.rand(1, 3, 4, 4), 0)
    assert seen[0] == wanted
    assert not seen[-1][2]
    assert all(settings == wanted for settings in seen if settings[2])
    assert (cudnn.deterministic, cudnn.benchmark, cudnn.enabled) == wanted


def test_what_the_look_asks_is_not_heard_by_who_watches_the_layers() -> None:
    model, heard = nn.Sequential(nn.Flatten(), nn.Linear(12, 3)).eval(), []
    with watching({"1": model[1]}, lambda *seen: heard.append(seen[0])):
        g.gradient(model, torch.rand(1, 3, 2, 2), 0)
    assert heard == ["1"]


def test_a_network_that_watches_itself_is_looked_at_like_any_other() -> None:
    class Watched(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Sequential(nn.Flatten(), nn.Linear(12, 3), nn.Linear(3, 2))

        def forward(self, images: Tensor) -> Tensor:
            with record(self.inner, ["1"], detach=False) as seen:
                self.inner(images)
            return seen["1"]

    model, images = Watched().eval(), torch.rand(2, 3, 2, 2)
    expected = model.inner[1].weight[0].abs().reshape(3, 2, 2).sum(0).detach()
    close(g.gradient(model, images, 0), expected.expand(2, -1, -1))
