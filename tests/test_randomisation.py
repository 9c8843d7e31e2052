"""Into which blocks a network falls, how each is made random, and when a random network is no network any more."""

import math
from functools import partial
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils import parametrize, prune
from torch.overrides import TorchFunctionMode

from tests.state import unchanged
from vislib import gradients
from vislib.models import Classifier
from vislib.sanity import randomised


@pytest.fixture(autouse=True)
def _same_networks() -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


class Part(nn.Module):
    """Two linear layers without biases, of n parameters each."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(2, n // 2, bias=False), nn.Linear(n // 2, 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.two(self.one(x))
        return answer


class Parts(nn.Module):
    """Runs its parts one after another, on the first two pixels of an image."""

    def __init__(self, **parts: nn.Module) -> None:
        super().__init__()
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, x: Tensor) -> Tensor:
        x = x[:, 0, 0, :2]
        for part in self.children():
            for layer in part.children() if isinstance(part, nn.ModuleList | nn.ModuleDict) else [part]:
                x = layer(x)
        return x


def names(model: nn.Module, images: Tensor, **options: Any) -> list[str]:
    return [name for name, _ in randomised(model.eval(), images, **options)]


# ---- blocks ----


def test_a_part_with_half_of_all_parameters_is_a_block_and_one_with_more_is_opened(images: Tensor) -> None:
    assert names(Parts(a=Part(8), b=Part(8)), images) == ["b", "a"]
    assert names(Parts(a=Part(8), b=Part(10)), images) == ["b.two", "b.one", "a"]


@pytest.mark.parametrize(
    "contain",
    [
        lambda one, two: nn.Sequential(one, two),
        lambda one, two: nn.ModuleList([one, two]),
        lambda one, two: nn.ModuleDict({"0": one, "1": two}),
    ],
)
def test_a_container_is_opened_however_small_it_is(contain: Any, images: Tensor) -> None:
    model = Parts(small=contain(nn.Linear(2, 2), nn.Linear(2, 2)), large=Part(40))
    assert names(model, images) == ["large.two", "large.one", "small.1", "small.0"]


def test_a_block_that_runs_before_and_after_another_one_counts_as_the_later(images: Tensor) -> None:
    class Around(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.outer, self.inner = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)]), nn.Linear(2, 2)

        def forward(self, x: Tensor) -> Tensor:
            answer: Tensor = self.outer[1](self.inner(self.outer[0](x[:, 0, 0, :2])))
            return answer

    assert names(Around(), images, blocks=["inner", "outer"]) == ["outer", "inner"]


def test_a_norm_goes_with_the_layer_before_it_and_alone_only_when_it_is_named(images: Tensor) -> None:
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(784, 5), nn.LayerNorm(5)
    )
    with torch.no_grad():
        for norm in (model[1], model[5]):
            norm.weight.fill_(3)
    steps = dict(randomised(model.eval(), images))
    assert list(steps) == ["4", "0"]
    assert steps["4"].get_submodule("5").weight.eq(1).all()  # reset with the head
    assert steps["4"].get_submodule("1").weight.eq(3).all()
    assert steps["0"].get_submodule("1").weight.eq(1).all()
    assert names(model, images, blocks=["1", "0"]) == ["1", "0"]


def test_a_norm_that_runs_first_is_a_block_and_takes_its_own_statistics_anew(images: Tensor) -> None:
    steps = dict(randomised(nn.Sequential(nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(768, 5)).eval(), images))
    assert list(steps) == ["2", "0"]
    assert steps["2"].get_submodule("0").running_mean.eq(0).all()
    torch.testing.assert_close(steps["0"].get_submodule("0").running_mean, images.mean((0, 2, 3)))


def test_norms_between_the_layers_of_a_block_are_calibrated_and_a_layer_that_never_runs_is_no_hindrance(
    images: Tensor,
) -> None:
    class Around(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.block = nn.ModuleDict(
                {"never": nn.Linear(2, 2), "first": nn.Conv2d(3, 4, 3), "last": nn.Linear(784, 5)}
            )
            self.norm = nn.BatchNorm2d(4)

        def forward(self, x: Tensor) -> Tensor:
            answer: Tensor = self.block["last"](self.norm(self.block["first"](x)).flatten(1))
            return answer

    [(name, network)] = randomised(Around().eval(), images, blocks=["block"])
    assert name == "block"
    seen = network.get_submodule("block.first")(images)
    torch.testing.assert_close(network.get_submodule("norm").running_mean, seen.mean((0, 2, 3)))


def test_a_name_is_found_in_its_place_and_layers_below_it_stay_as_they_are(images: Tensor) -> None:
    model = Parts(a=Part(8), b=Part(8))
    [(name, network)] = randomised(model.eval(), images, blocks=["b"])
    assert name == "b"
    changed = {
        n: not torch.equal(p, q) for (n, p), q in zip(network.named_parameters(), model.parameters(), strict=True)
    }
    assert changed == {"a.one.weight": False, "a.two.weight": False, "b.one.weight": True, "b.two.weight": True}


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"blocks": "a.one"}, TypeError, r"blocks is 'a\.one'; expected several names, such as \['a\.one'\]"),
        ({"blocks": ["a.on"]}, ValueError, r"there is no layer 'a\.on'; did you mean 'a\.one'"),
        ({"blocks": ["relu"]}, ValueError, "the layer 'relu' has no parameters that the model uses"),
        ({"blocks": []}, ValueError, "there is nothing to randomise"),
        ({"order": "input_first"}, ValueError, "order is 'input_first'; expected one of output_first, independent"),
    ],
)
def test_blocks_that_are_none_are_refused_and_leave_no_hook(
    options: Any, kind: type[Exception], message: str, images: Tensor
) -> None:
    model = Parts(a=Part(8), relu=nn.ReLU(), b=Part(8)).eval()
    with unchanged(model), pytest.raises(kind, match=message):
        randomised(model, images, **options)


def test_a_network_without_parameters_and_one_in_training_mode_are_refused(images: Tensor) -> None:
    with pytest.raises(ValueError, match="there is nothing to randomise"):
        randomised(Parts(flat=nn.Identity()).eval(), images)
    with pytest.raises(ValueError, match="is in training mode"):
        randomised(nn.Sequential(nn.Conv2d(3, 2, 3), nn.Dropout(), nn.Flatten(), nn.Linear(392, 5)), images)
    with pytest.raises(ValueError, match=r"expected pixels in \[0, 1\]"):
        randomised(Parts(a=Part(8)).eval(), images + 1)
    with pytest.raises(ValueError, match="expected logits of shape"):
        randomised(nn.Sequential(nn.Conv2d(3, 2, 3)).eval(), images)


# ---- random weights ----


def test_attention_is_drawn_by_its_own_initialiser(images: Tensor) -> None:
    """PyTorch calls it _reset_parameters there; it makes the biases 0, where a shuffle would keep their values."""

    class Attending(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention, self.head = nn.MultiheadAttention(16, 2, batch_first=True), nn.Linear(16, 5)

        def forward(self, x: Tensor) -> Tensor:
            x = x.mean(1)
            answer: Tensor = self.head(self.attention(x, x, x)[0].mean(1))
            return answer

    model = Attending().eval()
    nn.init.constant_(model.attention.in_proj_bias, 0.5)
    *_, (_, network) = randomised(model, images)
    attention = network.get_submodule("attention")
    assert attention.in_proj_bias.eq(0).all()
    assert not torch.equal(attention.in_proj_weight, model.attention.in_proj_weight)


def test_a_large_parameter_without_an_initialiser_keeps_its_values_and_its_shape(images: Tensor) -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale, self.head = nn.Parameter(torch.arange(1, 49.0).reshape(3, 16)), nn.Linear(48, 5)

        def forward(self, x: Tensor) -> Tensor:
            answer: Tensor = self.head((x.mean(2) * self.scale).flatten(1))
            return answer

    model = Scaled().eval()
    *_, (name, network) = randomised(model, images, seed=3)
    assert name == ""  # the network itself
    shuffled = network.get_parameter("scale")
    assert shuffled.shape == (3, 16)
    assert torch.equal(shuffled.flatten().sort().values, model.scale.flatten())
    assert int((shuffled == model.scale).sum()) < 10
    *_, (_, other) = randomised(model, images, seed=4)
    assert not torch.equal(shuffled, other.get_parameter("scale"))


def test_the_random_state_of_the_caller_stays(images: Tensor) -> None:
    model = Parts(a=Part(8), b=Part(8)).eval()
    before = torch.get_rng_state()
    list(randomised(model, images))
    assert torch.equal(torch.get_rng_state(), before)


# ---- norms ----


def test_norms_alone_learn_in_one_batch_and_then_no_more(images: Tensor) -> None:
    class Counting(nn.BatchNorm2d):
        batches: list[int] = []  # noqa: RUF012

        def forward(self, input: Tensor) -> Tensor:
            if self.training:
                self.batches.append(len(input))
            return super().forward(input)

    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Dropout(), Counting(4), nn.Flatten(), nn.Linear(784, 5)).eval()
    steps = dict(randomised(model, images))
    assert Counting.batches == [3]  # for the lower block alone: no norm runs from the head on
    norm = steps["0"].get_submodule("2")
    assert not norm.training
    assert not norm._forward_pre_hooks
    torch.testing.assert_close(norm.running_mean, steps["0"].get_submodule("0")(images).mean((0, 2, 3)))


def test_a_norm_without_statistics_takes_none(images: Tensor) -> None:
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, track_running_stats=False), nn.Flatten(), nn.Linear(784, 5)
    )
    *_, (_, network) = randomised(model.eval(), images)
    assert network.get_submodule("1").running_mean is None
    assert not network.get_submodule("1").training


# ---- alive ----


class Faint(nn.Linear):
    """Answers so much to a black image, and a little more to a white one; nothing for a second class. However it is drawn."""

    much, more = 1.0, 0.0

    def reset_parameters(self) -> None:
        for parameter, value in ((self.weight, self.more / self.in_features), (self.bias, self.much)):
            nn.init.zeros_(parameter)
            nn.init.constant_(parameter[0], value)


@pytest.mark.parametrize(
    ("much", "more", "alive"),
    [
        (1.1, 5e-4, False),
        (1.1, 0.99e-3, False),
        (1.1, 1.3e-3, True),
        (1.1, -1.3e-3, True),
        (-1.0, 5e-4, False),
        (0.0, 0.0, False),
        (100.0, 0.05, False),  # it is the share that counts
        (0.01, 1e-4, True),
    ],
)
def test_a_network_is_alive_if_it_answers_an_image_and_its_negative_a_thousandth_apart(
    much: float, more: float, alive: bool
) -> None:
    Faint.much, Faint.more = much, more
    model = nn.Sequential(nn.Flatten(), Faint(12, 2)).eval()
    steps = randomised(model, torch.stack([torch.zeros(3, 2, 2), torch.ones(3, 2, 2)]))
    if alive:
        assert [name for name, _ in steps] == ["1"]
    else:
        with pytest.raises(ValueError, match="down to '1', the network answers the same to an image and its negative"):
            list(steps)


def test_the_negative_of_an_image_is_white_where_it_is_darker_than_the_middle() -> None:
    seen: list[Tensor] = []

    class Seeing(nn.Sequential):
        def forward(self, input: Tensor) -> Tensor:
            seen.append(input)
            return super().forward(input)

    shades = torch.tensor([0.0, 0.4, 0.5, 0.9]).reshape(1, 1, 2, 2)
    list(randomised(Seeing(nn.Flatten(), nn.Linear(4, 3)).eval(), torch.cat([shades, 1 - shades])))
    assert torch.equal(seen[-1], torch.cat([shades, torch.tensor([1.0, 1.0, 0.0, 0.0]).reshape(1, 1, 2, 2)]))


# ---- everything that the forward pass uses ----


class Weights(TorchFunctionMode):
    """Notes what reaches the products of a network as a weight."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Tensor] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__name__", "") in ("conv2d", "linear"):
            self.seen.append(args[1].detach().clone())
        return func(*args, **(kwargs or {}))


def used(model: nn.Module, images: Tensor) -> list[Tensor]:
    with torch.no_grad(), Weights() as weights:
        model(images)
    return weights.seen


class Gained(nn.Conv2d):
    """Has a parameter of which its initialiser knows nothing."""

    def __init__(self, *sizes: int) -> None:
        super().__init__(*sizes)
        self.gain = nn.Parameter(torch.rand(sizes[1], 1, 1, 1) + 0.5)

    def forward(self, input: Tensor) -> Tensor:
        return self._conv_forward(input, self.weight * self.gain, self.bias)


class Fixed(nn.Module):
    """Keeps its weight as a buffer, or as a plain tensor, or where the parameter of another layer is."""

    def __init__(self, inside: int, outside: int, kernel: int, *, buffer: bool) -> None:
        super().__init__()
        weight = torch.randn(outside, inside, kernel, kernel)
        if buffer:
            self.register_buffer("kernel", weight, persistent=False)
        else:
            self.kernel = weight

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.kernel)


class Twice(nn.Module):
    """Two layers that share a weight."""

    def __init__(self, *sizes: int) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(*sizes), nn.Conv2d(*sizes)
        self.two.weight = self.one.weight

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.one(x) + self.two(x)
        return answer


class Doubled(nn.Module):
    """A parametrisation that has no way back."""

    def forward(self, weight: Tensor) -> Tensor:
        return 2 * weight


def _parametrised(parametrisation: Any) -> Any:
    return lambda *sizes: parametrisation(nn.Conv2d(*sizes))


def _pruned(*sizes: int) -> nn.Module:
    layer = nn.Conv2d(*sizes)
    prune.l1_unstructured(layer, "weight", 0.3)
    return prune.random_unstructured(prune.ln_structured(layer, "weight", 0.5, 2, 0), "bias", 0.5)  # type: ignore[no-any-return, arg-type]


LAYERS: dict[str, Any] = {
    "plain": nn.Conv2d,
    "gained": Gained,
    "buffer": partial(Fixed, buffer=True),
    "tensor": partial(Fixed, buffer=False),
    "shared": Twice,
    "pruned": _pruned,
    "doubled": _parametrised(lambda layer: parametrize.register_parametrization(layer, "weight", Doubled())),
    "frozen": lambda *sizes: nn.Conv2d(*sizes).requires_grad_(False),
    **{
        f"{module.__name__}.{name}": _parametrised(getattr(module, name))
        for module in (nn.utils, nn.utils.parametrizations)
        for name in ("spectral_norm", "weight_norm", "orthogonal")
        if hasattr(module, name)
    },
}


class Rooted(nn.Module):
    """Holds its head itself, beside layers."""

    def __init__(self, layers: nn.Module, channels: int) -> None:
        super().__init__()
        self.layers, self.head = layers, nn.Parameter(torch.randn(5, channels))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(self.layers(x).mean((2, 3)), self.head)


@given(data=st.data())
def test_every_weight_that_reaches_a_product_is_another_one(data: st.DataObject) -> None:
    seed = data.draw(st.integers(0, 2**31))
    kinds = data.draw(st.lists(st.sampled_from(list(LAYERS)), min_size=1, max_size=3))
    torch.manual_seed(seed)
    parts: list[nn.Module] = []
    for i, kind in enumerate(kinds):
        parts += [LAYERS[kind](3 if i == 0 else 6, 6, 3), nn.BatchNorm2d(6), nn.ReLU()]
    model = Rooted(nn.Sequential(*parts), 6).eval()
    images = torch.rand(3, 3, 16, 16)
    if data.draw(st.booleans(), label="asked with gradients before"):
        model(images).sum().backward()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    trained, said = used(model, images), model(images)
    *_, (_, network) = randomised(model, images, seed=seed + 1)
    assert torch.equal(model(images), said), "a parametrised layer shares its class with its copies"
    found = used(network, images)
    assert len(found) == len(trained) > len(kinds)
    for ours, theirs in zip(found, trained, strict=True):
        assert ours.shape == theirs.shape
        alike = (ours == theirs) & (theirs != 0)
        assert alike.float().mean() < 0.5, "a few may fall on their own places"
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_head_with_a_parametrisation_is_drawn_as_one_layer(images: Tensor) -> None:
    head = nn.utils.parametrizations.orthogonal(nn.Linear(784, 5))
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), head).eval()
    (first, network), _ = randomised(model, images, seed=1)
    assert first == "2"
    assert not torch.equal(network.get_submodule("2").bias, head.bias)


def test_a_layer_of_two_names_is_found_by_either(images: Tensor) -> None:
    model = Parts(one=nn.Linear(2, 2), two=nn.Linear(2, 2))
    model.again = model.one
    by_first, by_second = (
        dict(randomised(model.eval(), images, blocks=[name], seed=1))[name] for name in ("one", "again")
    )
    assert torch.equal(by_first.get_parameter("one.weight"), by_second.get_parameter("one.weight"))
    assert not torch.equal(by_second.get_parameter("one.weight"), model.one.weight)


@pytest.mark.parametrize("mask", [-math.inf, -1e9, -100.0])
def test_a_class_that_is_masked_says_nothing_of_whether_a_network_is_alive(mask: float, images: Tensor) -> None:
    class Masked(Parts):
        alive = 1

        def forward(self, x: Tensor) -> Tensor:
            y = self.alive * super().forward(x)
            return torch.cat([y, torch.full_like(y[:, :1], mask)], 1)

    assert names(Masked(one=nn.Linear(2, 4), two=nn.Linear(4, 2)), images) == ["two", "one"]
    dead = Masked(one=nn.Linear(2, 4), two=nn.Linear(4, 2))
    dead.alive = 0
    with pytest.raises(ValueError, match="answers the same"):
        names(dead, images)


def test_quantised_weights_cannot_be_drawn(images: Tensor) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(784, 5)).eval()
    quantised = torch.ao.quantization.quantize_dynamic(model, {nn.Linear})
    with pytest.raises(
        ValueError, match=r"'2\._packed_params\._packed_params' is quantised, and cannot be drawn at random"
    ):
        randomised(quantised, images)


def test_what_only_scales_the_pixels_stays(images: Tensor) -> None:
    model = Classifier(nn.Sequential(nn.Flatten(), nn.Linear(768, 5)).eval(), mean=0.4, std=0.3, input_size=16)
    *_, (_, network) = randomised(model, images)
    assert torch.equal(network.get_buffer("mean"), model.mean)
    assert torch.equal(network.get_buffer("std"), model.std)


def test_random_networks_may_be_asked_for_gradients_of_the_pruned_one_meanwhile(images: Tensor) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(784, 5)).eval()
    prune.l1_unstructured(model[0], "weight", 0.3)
    for _, network in randomised(model, images):
        assert gradients.gradient(model, images, 0).shape == gradients.gradient(network, images, 0).shape
