"""The sanity checks destroy what they say, and nothing else; the similarities are those of the field."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from scipy.stats import spearmanr
from skimage.feature import hog as histograms
from skimage.metrics import structural_similarity
from torch import Tensor, nn

from tests.state import unchanged
from vislib import sanity
from vislib.data import ImageSet
from vislib.gradients import gradient
from vislib.models import Classifier
from vislib.nets import SmallCNN
from vislib.sanity import cascade, hog, label_twins, random_labels, randomisation, randomised, spearman, ssim
from vislib.training import accuracy


@pytest.fixture(autouse=True)
def _same_networks() -> Iterator[None]:
    """Let each test build the same networks at each run."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@pytest.fixture
def net() -> Classifier:
    """A network of four blocks: conv1 and norm1, conv2 and norm2, hidden, head."""
    return Classifier(SmallCNN(classes=5, size=16, widths=(6, 6), hidden=8), input_size=16).eval()


BLOCKS = ["network.head", "network.hidden", "network.conv2", "network.conv1"]


def weight_blind(model: nn.Module, images: Tensor, target: int | Tensor) -> Tensor:
    return images.mean(1)


def weight_hash(model: nn.Module, images: Tensor, target: int | Tensor) -> Tensor:
    """Noise that any change of any weight changes."""
    seed = hash(tuple(float(p.detach().double().sum()) for p in model.parameters()))
    return torch.rand(images[:, 0].shape, generator=torch.Generator().manual_seed(seed % 2**31))


def maps(seed: int, size: int = 64) -> Tensor:
    """Three maps of both signs, smooth at several scales."""
    noise = np.random.default_rng(seed).standard_normal((3, size, size))
    return torch.from_numpy(gaussian_filter(noise, (0, 2, 2)) + 0.1 * noise).float()


# ---- what is random ----


def test_layers_of_one_shape_get_different_weights(images: Tensor) -> None:
    model = nn.Sequential(*[nn.Conv2d(3, 3, 3, padding=1) for _ in range(3)], nn.Flatten(), nn.Linear(768, 5)).eval()
    *_, (_, network) = randomised(model, images)
    weights = [layer.weight for layer in network[:3]]
    for a, b in combinations([*weights, *(layer.weight for layer in model[:3])], 2):
        assert abs(float(spearmanr(a.detach().flatten(), b.detach().flatten())[0])) < 0.5
        assert not torch.equal(a.flatten().sort()[0], b.flatten().sort()[0])


def test_the_seed_fixes_the_weights_in_both_orders(net: Classifier, images: Tensor) -> None:
    def weights(**options: Any) -> list[Tensor]:
        return [network.get_submodule(name).weight for name, network in randomised(net, images, **options)]

    first = weights()
    for same in (weights(), weights(order="independent")):
        assert all(torch.equal(a, b) for a, b in zip(first, same, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(first, weights(seed=1), strict=True))


def test_the_weights_do_not_depend_on_the_layout_in_memory(net: Classifier, images: Tensor) -> None:
    def weights() -> list[Tensor]:
        return [network.get_submodule(name).weight for name, network in randomised(net, images)]

    plain = weights()
    net.to(memory_format=torch.channels_last)
    assert not net.network.conv2.weight.is_contiguous()
    assert all(torch.equal(a, b) for a, b in zip(plain, weights(), strict=True))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_statistics_are_exact_in_every_layout(layout: torch.memory_format) -> None:
    net = Classifier(SmallCNN(classes=5, size=64, widths=(6, 6), hidden=8), input_size=64).eval()
    images = torch.rand(8, 3, 64, 64)
    *_, (_, network) = randomised(net.to(memory_format=layout), images)
    norm, seen = network.get_submodule("network.norm1"), list[Tensor]()
    assert not norm._forward_pre_hooks  # what was hung on for the calibration is gone
    norm.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].double()))
    network(images)
    torch.testing.assert_close(norm.running_var.double(), seen[0].var((0, 2, 3)), rtol=1e-6, atol=0)
    torch.testing.assert_close(norm.running_mean.double(), seen[0].mean((0, 2, 3)), rtol=0, atol=1e-6)


@pytest.mark.parametrize("order", ["output_first", "independent"])
def test_what_is_random_at_each_step(order: Any, net: Classifier, images: Tensor) -> None:
    steps = list(randomised(net, images, order=order))
    assert [name for name, _ in steps] == BLOCKS
    for i, (_, network) in enumerate(steps):
        changed = [not torch.equal(network.get_submodule(b).weight, net.get_submodule(b).weight) for b in BLOCKS]
        assert changed == [k <= i if order == "output_first" else k == i for k in range(4)]
        assert network is not net
        assert not any(module.training for module in network.modules())


class Backwards(nn.Module):
    """Registers its layers from the output down; `twice` runs at both ends, `never` not at all."""

    def __init__(self) -> None:
        super().__init__()
        self.never, self.head, self.middle = nn.Linear(4, 4), nn.Linear(6, 5), nn.Conv2d(3, 3, 3)
        self.twice, self.first = nn.Conv2d(3, 3, 3), nn.Conv2d(3, 3, 3)
        self.norm = nn.BatchNorm2d(3)
        self.scale = nn.Parameter(torch.arange(6.0))

    def forward(self, x: Tensor) -> Tensor:
        x = self.twice(self.middle(self.norm(self.first(self.twice(x))).relu()).relu())
        return self.head(x.amax((2, 3)).repeat(1, 2) * self.scale)


def test_layers_come_in_order_of_execution(images: Tensor) -> None:
    model = Classifier(Backwards(), input_size=16).eval()
    steps = list(randomised(model, images))
    assert [name for name, _ in steps] == [f"network{n}" for n in (".head", ".twice", ".middle", ".first", "")]
    assert torch.equal(steps[-1][1].network.never.weight, model.network.never.weight)
    chosen = ["network.first", "network.head", "network.twice"]
    assert [name for name, _ in randomised(model, images, blocks=chosen)] == [chosen[i] for i in (1, 2, 0)]


def test_a_parameter_without_an_initialiser_is_shuffled(images: Tensor) -> None:
    model = Backwards().eval()
    *_, (_, network) = randomised(model, images)
    assert not torch.equal(network.scale, model.scale)
    assert torch.equal(network.scale.sort()[0], model.scale)


class Own(nn.Linear):
    def reset_parameters(self) -> None:
        nn.init.normal_(self.weight, 3.0, 0.01)
        nn.init.constant_(self.bias, 7.0)


def test_each_layer_uses_its_own_initialiser(images: Tensor) -> None:
    model = nn.Sequential(nn.Conv2d(3, 64, 5), nn.BatchNorm2d(64), nn.ReLU(), nn.Flatten(), Own(64 * 144, 5)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(0.5)
    *_, (_, network) = randomised(model, images)
    bound = (3 * 5 * 5) ** -0.5  # PyTorch draws a convolution's weights evenly between -bound and bound
    weight = network[0].weight.detach()
    assert float(weight.abs().max()) <= bound
    assert float(weight.abs().max()) > 0.99 * bound
    assert float(weight.mean().abs()) < 0.05 * bound
    assert float(weight.std()) == pytest.approx(bound / 3**0.5, rel=0.05)
    assert network[1].weight.eq(1).all()
    assert network[1].bias.eq(0).all()
    assert float(network[4].weight.detach().mean()) == pytest.approx(3, abs=0.01)
    assert network[4].bias.eq(7).all()


# ---- the random network is alive ----


@pytest.fixture
def deep(images: Tensor) -> nn.Module:
    """Twelve convolutions with BatchNorm, whose statistics are those of the images, as after training."""
    layers = [m for _ in range(12) for m in (nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8, momentum=1), nn.ReLU())]
    model = nn.Sequential(nn.Conv2d(3, 8, 3), *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5))
    model(images)
    return model.eval()


def _reaction(network: nn.Module, images: Tensor) -> float:
    """By how much the answers differ, as a share of the largest."""
    with torch.no_grad():
        answers = network(images)
    return float((answers - answers.mean(0)).abs().max() / answers.abs().max())


def test_a_deep_random_network_reacts_to_its_input(deep: nn.Module, images: Tensor) -> None:
    for _, network in randomised(deep, images):
        assert _reaction(network, images) > 0.01


def test_with_statistics_merely_reset_a_deep_random_network_is_dead_and_refused(
    deep: nn.Module, images: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = copy.deepcopy(deep)
    for layer in dead[1:-3]:
        if isinstance(layer, nn.BatchNorm2d):
            layer.reset_running_stats()
    assert _reaction(dead, images) < 1e-4
    monkeypatch.setattr(randomisation, "_calibrate", lambda norms, *_: [norm.reset_running_stats() for norm in norms])
    with pytest.raises(ValueError, match=r"down to '.*', the network answers the same to an image and its negative"):
        list(randomised(deep, images))


@pytest.mark.parametrize("order", ["output_first", "independent"])
def test_statistics_are_those_of_the_calibration_from_the_lowest_random_layer_on(
    order: Any, net: Classifier, images: Tensor
) -> None:
    for name, network in randomised(net, images, order=order):
        norms = {i: network.get_submodule(f"network.norm{i}") for i in (1, 2)}
        new = [i for i in norms if name in ("network.conv1", f"network.conv{i}")]
        for i in new:
            norms[i].training, norms[i].momentum = True, 0  # normalises by the batch, as while it was calibrated
        with record_inputs(norms) as seen:
            network(images)
        for i, norm in norms.items():
            before = net.get_submodule(f"network.norm{i}")
            mean, var = (
                (seen[i].mean((0, 2, 3)), seen[i].var((0, 2, 3)))
                if i in new
                else (before.running_mean, before.running_var)
            )
            torch.testing.assert_close(norm.running_mean, mean)
            torch.testing.assert_close(norm.running_var, var)


@contextmanager
def record_inputs(layers: dict[int, nn.Module]) -> Iterator[dict[int, Tensor]]:
    seen: dict[int, Tensor] = {}
    handles = [
        layer.register_forward_pre_hook(lambda _, inputs, i=i: seen.update({i: inputs[0].detach()}))
        for i, layer in layers.items()
    ]
    yield seen
    for handle in handles:
        handle.remove()


@pytest.mark.slow
def test_the_default_network_falls_into_nineteen_blocks_and_stays_alive() -> None:
    from vislib import data, models

    model = models.load(device="cpu")
    photos = torch.cat([model.preprocess(data.photo(name)) for name in ("coffee", "cat")])[:, :, ::3, ::3]
    blocks = randomisation.find_blocks(*randomisation.opened(model, photos), None)
    names = [block.name.removeprefix("network.") for block in blocks]
    assert names[:2] == ["classifier", "conv_head"]
    assert names[-1] == "conv_stem"
    assert [name.split(".")[0] for name in names[2:-1]] == ["blocks"] * 16
    network = randomisation.randomise(model, randomisation.draw(model, blocks, 0), blocks, photos)
    trained = dict(model.named_parameters())
    assert [name for name, p in network.named_parameters() if p.ndim > 1 and torch.equal(p, trained[name])] == []
    assert _reaction(network, photos) > 0.01


# ---- the cascade ----


def test_the_unrandomised_network_is_in_no_average(net: Classifier, images: Tensor) -> None:
    result = cascade(net, images, 0, weight_hash)
    assert result.layers == BLOCKS
    assert result.values.shape == (3, 4, 3)
    assert float(result.values.abs().max()) < 0.3  # 256 random pixels; the network itself would give 1
    assert float(result.floor.abs().max()) < 0.3


@pytest.mark.parametrize("order", ["output_first", "independent"])
def test_a_map_that_ignores_the_weights_never_changes(order: Any, net: Classifier, images: Tensor) -> None:
    result = cascade(net, images, 0, weight_blind, order=order)
    torch.testing.assert_close(result.values, torch.ones(3, 4, 3))
    torch.testing.assert_close(result.floor, torch.ones(3, 3))


@pytest.mark.parametrize("order", ["output_first", "independent"])
def test_values_and_floor_are_what_their_definition_says(order: Any, net: Classifier, images: Tensor) -> None:
    target = torch.tensor([3, 0, 4])
    result = cascade(net, images, target, gradient, order=order, seeds=2)
    trained = gradient(net, images, target)
    for seed in range(2):
        heats = [gradient(network, images, target) for _, network in randomised(net, images, order=order, seed=seed)]
        assert torch.equal(result.values[seed], torch.stack([spearman(trained, heat) for heat in heats]))
    ends = [gradient([n for _, n in randomised(net, images, seed=seed)][-1], images, target) for seed in range(2)]
    assert torch.equal(result.floor, spearman(*ends)[None])
    assert torch.equal(result.strangers, torch.stack([spearman(trained, end) for end in ends]))
    assert float(result.values.max()) < 0.99


def test_other_images_can_calibrate_the_norms(net: Classifier, images: Tensor) -> None:
    alone = cascade(net, images[:1], 0, gradient, seeds=2, calibration=images)
    together = cascade(net, images, 0, gradient, seeds=2)
    torch.testing.assert_close(alone.values, together.values[..., :1])


def test_the_model_is_unchanged(net: Classifier, images: Tensor) -> None:
    def vandal(model: nn.Module, images: Tensor, target: int | Tensor) -> Tensor:
        for parameter in model.parameters():
            parameter.data.zero_()
        model.train().register_forward_hook(lambda *_: None)
        return images.mean(1)

    def failing(model: nn.Module, images: Tensor, target: int | Tensor) -> Tensor:
        if torch.equal(model.network.conv1.weight, net.network.conv1.weight):
            return images.mean(1)
        raise KeyboardInterrupt

    for order in ("output_first", "independent"):
        with unchanged(net):
            cascade(net, images, 0, gradient, order=order, seeds=2)
        with unchanged(net):
            cascade(net, images, 0, vandal, order=order, seeds=2)
        with unchanged(net), pytest.raises(KeyboardInterrupt):
            cascade(net, images, 0, failing, order=order)


def test_a_layer_that_fails_leaves_no_hook(images: Tensor) -> None:
    class Failing(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise RuntimeError("no")

    model = nn.Sequential(nn.Conv2d(3, 3, 3), Failing()).eval()
    with unchanged(model), pytest.raises(RuntimeError, match="no"):
        cascade(model, images, 0, weight_blind)


# ---- intervals ----


def test_an_interval_refuses_other_shapes() -> None:
    for values, floor in (
        (torch.zeros(5, 10), None),
        (torch.zeros(5, 2, 10), torch.zeros(10, 9)),
        (torch.zeros(5, 2, 10), torch.zeros(3, 10)),
        (torch.zeros(5, 2, 3), torch.zeros(10)),
    ):
        with pytest.raises(ValueError, match=r"expected \(seeds, layers, B\) and \(pairs of seeds, B\)"):
            sanity.interval(values, floor)


# ---- similarities ----


def test_spearman_is_that_of_scipy_with_ties() -> None:
    a, b = (2 * maps(0)).round(), (2 * (maps(0) + maps(1))).round()
    for absolute in (False, True):
        x, y = (a.abs(), b.abs()) if absolute else (a, b)
        expected = [spearmanr(u.flatten(), v.flatten())[0] for u, v in zip(x, y, strict=True)]
        assert spearman(a, b, absolute=absolute).tolist() == pytest.approx(expected, abs=1e-6)
    assert spearman(a, -a).tolist() == pytest.approx([-1] * 3)
    assert spearman(a, -a, absolute=True).tolist() == pytest.approx([1] * 3)


def test_spearman_on_some_pixels_only() -> None:
    """Shared zeros make two unrelated maps alike; on the rest of the pixels they are not."""
    where = maps(2) > 0.3
    a, b = (maps(seed).abs() * where for seed in (0, 1))
    assert float(spearman(a, b).min()) > 0.5
    expected = [spearmanr(u[w], v[w])[0] for u, v, w in zip(a, b, where, strict=True)]
    assert spearman(a, b, where=where).tolist() == pytest.approx(expected, abs=1e-6)
    assert max(map(abs, expected)) < 0.3


def _ssim_by_hand(x: np.ndarray, y: np.ndarray, span: float) -> float:
    """The formula of Wang et al., with the border of half a window left out."""

    def mean(z: np.ndarray) -> np.ndarray:
        return gaussian_filter(z, 1.5, truncate=3.5)

    c1, c2 = (0.01 * span) ** 2, (0.03 * span) ** 2
    mx, my = mean(x), mean(y)
    vx, vy, vxy = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
    whole = (2 * mx * my + c1) * (2 * vxy + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
    return float(whole[5:-5, 5:-5].mean())


@pytest.mark.parametrize("absolute", [False, True])
def test_ssim_is_two_dimensional(absolute: bool) -> None:
    a, b = maps(0), maps(0) + 0.7 * maps(1)
    ours = ssim(a, 5 * b, absolute=absolute).tolist()
    options = {"data_range": 1 if absolute else 2, "gaussian_weights": True, "use_sample_covariance": False}
    for value, x, y in zip(ours, a.double().numpy(), b.double().numpy(), strict=True):
        x, y = (np.abs(v) if absolute else v for v in (x, y))
        x, y = x / np.abs(x).max(), y / np.abs(y).max()
        assert value == pytest.approx(structural_similarity(x, y, **options), abs=1e-5)
        assert value == pytest.approx(_ssim_by_hand(x, y, options["data_range"]), abs=1e-5)
        assert abs(value - structural_similarity(x.ravel(), y.ravel(), **options)) > 0.01  # what flat maps would give
    assert ssim(a, a).tolist() == pytest.approx([1] * 3)


def test_hog_ranks_histograms_of_cells_of_sixteen_pixels() -> None:
    a, b = maps(0), maps(0) + maps(1)
    for value, x, y in zip(hog(a, 1e-6 * b).tolist(), a.double().numpy(), b.double().numpy(), strict=True):
        edges = [histograms(v / np.abs(v).max(), pixels_per_cell=(16, 16), cells_per_block=(3, 3)) for v in (x, y)]
        assert value == pytest.approx(spearmanr(*edges)[0], abs=1e-3)
    assert hog(a, a).tolist() == pytest.approx([1] * 3)
    assert hog(a[..., :24, :24], a[..., :24, :24], cell=8).tolist() == pytest.approx([1] * 3)


@pytest.mark.parametrize("similarity", [spearman, ssim, hog, partial(spearman, absolute=True)])
def test_a_constant_map_has_a_defined_answer_and_says_so(similarity: Any) -> None:
    varied = maps(0)
    for constant in (torch.zeros_like(varied), torch.full_like(varied, -3.0)):
        for a, b, expected in (
            (constant, varied, 0),
            (varied, constant, 0),
            (constant, constant, 1),
            (constant, 0 * constant + 2, 1),
        ):
            with pytest.warns(UserWarning, match="a map is constant"):
                assert similarity(a, b).tolist() == [expected] * 3
    mixed = varied.clone()
    mixed[1] = 0
    with pytest.warns(UserWarning, match="a map is constant"):
        assert similarity(varied, mixed).tolist() == pytest.approx([1, 0, 1])


@pytest.mark.parametrize("similarity", [spearman, ssim, hog])
def test_maps_that_do_not_fit_are_refused(similarity: Any) -> None:
    good = maps(0)
    bad = good.clone()
    bad[0, 0, 0] = torch.nan
    for other, kind, message in (
        (good[:2], ValueError, r"shapes \(3, 64, 64\) and \(2, 64, 64\); expected the same"),
        (good[:, None], ValueError, r"shape \(3, 1, 64, 64\); expected three dimensions \(B, H, W\)"),
        (good.numpy(), TypeError, "a map is of ndarray; expected floating-point"),
        (good.int(), TypeError, "a map is of dtype torch.int32"),
        (bad, ValueError, "a map contains NaN or infinity"),
    ):
        with pytest.raises(kind, match=message):
            similarity(good, other)
    with pytest.raises(ValueError, match=r"10 x 64 pixels; expected at least 11 x 11, the window of SSIM"):
        ssim(good[:, :10], good[:, :10])
    with pytest.raises(ValueError, match=r"64 x 40 pixels; expected at least 48 x 48, a block of HOG"):
        hog(good[..., :40], good[..., :40])
    with pytest.raises(ValueError, match=r"where has shape \(3, 64, 64\), dtype torch.float32 and is on cpu; expected"):
        spearman(good, good, where=good)
    with pytest.raises(ValueError, match="fewer than two pixels"):
        spearman(good, good, where=torch.zeros_like(good, dtype=torch.bool))


# ---- random labels ----


def _tiny(seed: int) -> Classifier:
    network = SmallCNN(channels=1, classes=2, size=8, widths=(8,), hidden=32, seed=seed)
    return Classifier(network, mean=0.5, std=0.25, input_size=8)


@pytest.fixture(scope="module")
def halves() -> ImageSet:
    """Images of 8 x 8 whose brighter half is the class."""
    images = torch.rand(24, 1, 8, 8, generator=torch.Generator().manual_seed(0)) / 2
    labels = torch.arange(24) % 2
    images[labels == 1, :, :, 4:] += 0.4
    images[labels == 0, :, :, :4] += 0.4
    return ImageSet(images, labels, ("left", "right"))


@pytest.fixture(scope="module")
def twins(halves: ImageSet) -> sanity.Twins:
    return label_twins(_tiny, halves, seeds=2, epochs=40)


def test_no_two_twins_begin_with_the_same_weights(halves: ImageSet) -> None:
    begun: list[int] = []
    label_twins(lambda seed: begun.append(seed) or _tiny(seed), halves, seeds=2, epochs=1, fitted=0)
    assert len(set(begun)) == len(begun) == 4


def test_twins_that_begin_with_the_same_weights_are_refused(halves: ImageSet) -> None:
    with pytest.raises(ValueError, match=r"build_model\(1\) begins with the weights of an earlier network"):
        label_twins(lambda seed: _tiny(0), halves, seeds=2, epochs=1, fitted=0)
    with pytest.raises(ValueError, match=r"build_model\(2\) begins"):  # a permuted one like a true one
        label_twins(lambda seed: _tiny(seed % 2), halves, seeds=2, epochs=1, fitted=0)


def test_twins_have_fitted_true_and_permuted_labels(twins: sanity.Twins, halves: ImageSet) -> None:
    assert [len(twins.true), len(twins.permuted)] == [2, 2]
    for network in twins.true:
        assert accuracy(network, halves) >= 0.99
    for network in twins.permuted:
        assert 0.3 < accuracy(network, halves) < 0.7  # of the true labels


def test_labels_that_are_not_fitted_are_refused(halves: ImageSet) -> None:
    with pytest.raises(ValueError, match=r"has fitted \d+\.\d% of its true labels; expected at least 99\.0%"):
        label_twins(_tiny, halves, seeds=2, epochs=1)
    twice = ImageSet(halves.images.repeat(2, 1, 1, 1), halves.labels.repeat(2), halves.classes)
    with pytest.raises(ValueError, match=r"of its permuted labels; .* more epochs than 30 or fewer images than 48"):
        label_twins(_tiny, twice, seeds=2)  # no network can give two labels to one image


def test_random_labels_compares_networks_of_different_labels(twins: sanity.Twins, halves: ImageSet) -> None:
    some = halves[:20]
    result = random_labels(twins, some.images, some.labels, gradient)
    maps = [gradient(network, some.images, some.labels) for network in (*twins.true, *twins.permuted)]
    assert torch.equal(result.values, torch.stack([spearman(maps[0], maps[2]), spearman(maps[1], maps[3])]))
    assert torch.equal(result.ceiling, spearman(maps[0], maps[1])[None])
    blind = random_labels(twins, some.images, some.labels, weight_blind)
    torch.testing.assert_close(blind.values, torch.ones(2, 20))
    torch.testing.assert_close(blind.ceiling, torch.ones(1, 20))


def test_random_labels_leaves_the_networks_alone(twins: sanity.Twins, halves: ImageSet) -> None:
    before = copy.deepcopy(twins.permuted[0].state_dict())
    with unchanged(twins.true[0]):
        random_labels(twins, halves.images[:2], 0, gradient)
    assert all(torch.equal(v, before[k]) for k, v in twins.permuted[0].state_dict().items())
