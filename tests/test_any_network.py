"""Any network: a right map, or one true sentence. Each kind of fault that was met once, with instances of its own."""

import gc
import math
import random
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import prune

from vislib import fills
from vislib.activations import record
from vislib.embedding import class_weights, tsne
from vislib.explain import answers
from vislib.gradients import (
    completeness_gap,
    grad_cam,
    gradient,
    guided_backprop,
    input_x_gradient,
    integrated_gradients,
    smoothgrad,
    smoothgrad_squared,
    vargrad,
)
from vislib.incremental import IncrementalModel
from vislib.look import ask_ahead
from vislib.models import Classifier, TwoClasses
from vislib.nets import SmallCNN
from vislib.occlusion import occlusion, occlusion_grid, occlusion_logits
from vislib.reconstruction import invert, moved, reconstruct, resized
from vislib.sanity import cascade, randomised

pytestmark = pytest.mark.filterwarnings("ignore")


class Ends(nn.Module):
    """A small network, its answer changed by a function at the end."""

    def __init__(self, end: Callable[[Any, Tensor], Any], classes: int = 5) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(3)
            self.body = nn.Sequential(
                nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(24, classes)
            )
        self.end = end

    def forward(self, x: Tensor) -> Any:
        return self.end(self, self.body(x))


def _masked(module: nn.Module, logits: Tensor) -> Tensor:
    return logits + torch.tensor([0, 0, 0, 0, -math.inf], dtype=logits.dtype)


# ---- what comes back ----

NO_LOGITS: dict[str, tuple[Callable[[Any, Tensor], Any], str]] = {
    "softmax": (lambda m, y: y.softmax(1), "probabilities"),
    "shares by hand": (lambda m, y: y.square() / y.square().sum(1, keepdim=True), "probabilities"),
    "one column": (lambda m, y: y[:, :1], "TwoClasses"),
    "one number": (lambda m, y: y[:, 0], "TwoClasses"),
    "infinite": (lambda m, y: y / 0, "NaN or infinity"),
    "all masked": (lambda m, y: y - math.inf, "NaN or infinity"),
    "integers": (lambda m, y: y.long(), "floating-point logits"),
    "a tuple": (lambda m, y: (y,), "a tuple"),
    "noise": (lambda m, y: y + torch.randn_like(y), "chance"),
    "batch statistics": (lambda m, y: y - y.mean(0), "other images of a batch"),
    "the batch's first": (lambda m, y: y + y.flip(0), "other images of a batch"),
    "training": (lambda m, y: y * (2 if m.training else 1), "evaluation mode"),
}


@pytest.mark.parametrize(
    "method", [gradient, occlusion, smoothgrad, grad_cam, guided_backprop], ids=lambda m: m.__name__
)
@pytest.mark.parametrize("name", NO_LOGITS)
def test_an_answer_that_is_no_logits_is_refused_in_one_sentence(name: str, method: Any, images: Tensor) -> None:
    end, part = NO_LOGITS[name]
    network = Ends(end).train(name == "training")
    options = {"patch": 8, "stride": 8} if method is occlusion else {}
    with pytest.raises(ValueError, match=part) as caught:
        method(network, images, 0, **options)
    assert "\n" not in str(caught.value)
    assert network.training == (name == "training")


def test_one_image_and_an_answer_by_chance(images: Tensor) -> None:
    for method in (gradient, lambda *a: occlusion(*a, patch=8, stride=8, incremental=False)):
        with pytest.raises(ValueError, match="chance"):
            method(Ends(NO_LOGITS["noise"][0]).eval(), images[:1], 0)


def test_covered_copies_of_one_image_do_not_decide_about_each_other(images: Tensor) -> None:
    network = Ends(NO_LOGITS["batch statistics"][0]).eval()
    with pytest.raises(ValueError, match="other images"):
        occlusion(network, images[:1], 0, patch=8, stride=8)


def test_masked_classes_are_allowed_and_a_masked_target_is_not(images: Tensor) -> None:
    plain, masked = Ends(lambda m, y: y).eval(), Ends(_masked).eval()
    assert torch.equal(gradient(masked, images, 2), gradient(plain, images, 2))
    seen = IncrementalModel(masked, images[:1])
    assert seen.exact_by == "increments"
    with pytest.raises(ValueError, match="masks"):
        gradient(masked, images, 4)


def test_layers_in_training_mode_that_answer_the_same_are_accepted(images: Tensor) -> None:
    network = Ends(lambda m, y: y)
    assert torch.equal(gradient(network.train(), images, 1), gradient(network.eval(), images, 1))


def test_one_logit_becomes_two_classes(images: Tensor) -> None:
    one = Ends(lambda m, y: y[:, 0]).eval()
    two = TwoClasses(one)
    assert torch.allclose(two(images).softmax(1)[:, 1], one(images).sigmoid())
    assert gradient(two, images, 1).any()
    assert occlusion(two, images, 1, patch=8, stride=8).any()


def test_a_network_of_two_logits_is_no_answer_of_one_number(images: Tensor) -> None:
    with pytest.raises(ValueError, match=r"answers \(3, 5\); expected one number for each image"):
        TwoClasses(Ends(lambda m, y: y))(images)


def test_a_head_whose_logits_are_changed_afterwards_is_the_head(images: Tensor) -> None:
    body = nn.Sequential(nn.Flatten(), nn.Linear(768, 5), nn.ReLU(), nn.Linear(5, 5), nn.LogSoftmax(1)).eval()
    model = Classifier(body, input_size=16)
    assert model.head is body[3]
    assert len(model.classes) == 5

    class Difference(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(768, 2)

        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = self.fc(x.flatten(1))
            return y[:, 1] - y[:, 0]

    two = Classifier(TwoClasses(Difference()).eval(), classes=["no", "yes"], input_size=16)
    assert {name for name, _ in two.top(images)[0]} == {"no", "yes"}


def test_of_two_heads_whose_answers_are_averaged_none_is_the_head(images: Tensor) -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.one, self.two = nn.Flatten(), nn.Linear(768, 4), nn.Linear(768, 4)

        def forward(self, x: Tensor) -> Tensor:
            return (self.one(self.body(x)) + self.two(self.body(x))) / 2

    model = Classifier(Twice().eval(), input_size=16)
    with pytest.raises(ValueError, match="head for certain"):
        model.features(images)
    assert Classifier(Twice().eval(), input_size=16, head="one").features(images).shape == (3, 768)


@pytest.mark.parametrize("names", [["no", "yes"], None])
def test_its_two_classes_have_names(images: Tensor, names: list[str] | None) -> None:
    model = Classifier(TwoClasses(SmallCNN(classes=1, size=16, seed=0).eval()), classes=names, input_size=16)
    likeliest, probability = model.top(images)[0][0]
    assert model(images)[0].softmax(0)[model.index(likeliest)].item() == pytest.approx(probability)
    assert len(model.classes) == 2
    assert model.features(images).shape[0] == len(images)
    with pytest.raises(ValueError, match="3 classes are named, and the network has 2"):
        Classifier(model.network, classes=["a", "b", "c"])


class Counting(Ends):
    """Counts the images that it is asked about."""

    asked = 0

    def forward(self, x: Tensor) -> Any:
        self.asked += len(x)
        return super().forward(x)


def test_the_look_costs_one_image_once_and_nothing_in_a_loop(images: Tensor) -> None:
    network = Counting(lambda m, y: y).eval()
    gradient(network, images, 0)
    assert network.asked == len(images) + 1
    network.asked = 0
    for _ in range(5):
        answers(network, images)
    assert network.asked == 5 * len(images)
    network.asked = 0
    gradient(network, images, 0, batch_size=1)
    assert network.asked == len(images) + 1


class Setting:
    """What a network may read its settings from."""

    share = 0.0


class Chance(nn.Module):
    """Drops pixels in every mode."""

    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(x, 0.5)


def _noisy(module: nn.Module, inputs: Any, output: Tensor) -> Tensor:
    return output + torch.randn_like(output)


LATER: dict[str, Callable[[Tensor], tuple[nn.Module, Tensor, Callable[[nn.Module], object]]]] = {
    "other images": lambda x: (Ends(lambda m, y: y - y.mean(0)), x[:1].expand(3, -1, -1, -1), lambda m: None),
    "more images": lambda x: (Ends(lambda m, y: y / y.abs().max()), x[:1], lambda m: None),
    "no black image": lambda x: (nn.Sequential(Chance(), Ends(lambda m, y: y)), torch.zeros_like(x), lambda m: None),
    "a setting in an object": lambda x: (
        Ends(lambda m, y: F.dropout(y, m.setting.share)),
        x,
        lambda m: setattr(m.setting, "share", 0.5),
    ),
    "a hook": lambda x: (
        Ends(lambda m, y: y),
        x,
        lambda m: m.body[0].register_forward_hook(_noisy),
    ),
}


@pytest.mark.parametrize("change", LATER)
def test_what_shows_later_is_found_later(change: str, images: Tensor) -> None:
    """A network that was found in order once is looked at again: no list of what can change is complete."""
    network, first, later = LATER[change](images)
    network.setting = Setting()
    for _ in range(2):
        gradient(network.eval(), first, 0)
    later(network)
    with pytest.raises(ValueError, match="asked again, about one image alone"):
        gradient(network, images, 0)


def _resized(logits: Tensor, size: int) -> Tensor:
    return F.interpolate(logits[:, None, None], (1, size), mode="bilinear", antialias=True)[:, 0, 0]


@pytest.mark.parametrize("size", [5, 7])  # to 5 of 5 numbers there is a way, and none back
@pytest.mark.parametrize("method", [gradient, guided_backprop, grad_cam], ids=lambda m: m.__name__)
def test_what_pytorch_cannot_compute_in_half_precision_is_one_sentence(method: Any, size: int, images: Tensor) -> None:
    for autocast, end in ((False, lambda m, y: _resized(y.half(), size)), (True, lambda m, y: _resized(y, size))):
        with (
            torch.autocast("cpu", torch.float16, autocast),
            pytest.raises(TypeError, match=r"no code for a step of the model in its type \(.*'Half'\)") as caught,
        ):
            method(Ends(end).eval(), images, 0)
        assert "\n" not in str(caught.value)


def test_an_answer_that_pytorch_cannot_compute(images: Tensor) -> None:
    with pytest.raises(TypeError, match=r"'Half'\); expected another one, such as float32"):
        occlusion(Ends(lambda m, y: _resized(y.half(), 7)).eval(), images, 0, patch=8, stride=8)


def test_a_network_without_code_is_no_question_of_types(images: Tensor) -> None:
    with pytest.raises(NotImplementedError, match="forward"):
        gradient(nn.Module().eval(), images, 0)


BY_CHANCE: dict[str, Callable[[Any, Tensor], Any]] = {
    "PyTorch's generator": lambda m, y: F.dropout(y + 1, 0.5, True),
    "seldom": lambda m, y: F.dropout(y + 1, 0.1, True),
    "one of its own": lambda m, y: y * torch.rand(y.shape, generator=m.own).round(),
    "Python's": lambda m, y: y * (1 + (random.random() < 0.5)),
    "NumPy's": lambda m, y: y * float(np.random.randint(1, 3)),
}


@pytest.mark.parametrize("name", BY_CHANCE)
def test_chance_is_found_though_two_answers_may_be_equal(name: str, images: Tensor) -> None:
    """Two masks of five logits are often the same, so that one further question is not enough."""
    network = Ends(BY_CHANCE[name]).eval()
    network.own = torch.Generator().manual_seed(random.randrange(2**31))
    for count in [1, 2, 3] * 7:
        with pytest.raises(ValueError, match="chance"):
            gradient(network, images[:count], 0)


def test_the_look_draws_nothing_from_the_generators_of_the_reader(images: Tensor) -> None:
    network = Ends(lambda m, y: F.dropout(y, 0.5, True) * random.random() * np.random.rand()).eval()
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[2]
    ask_ahead(network, images)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (random.getstate(), np.random.get_state()[2]) == before[1:]


def test_numbers_that_are_drawn_and_not_used_are_no_chance(images: Tensor) -> None:
    network, plain = Ends(lambda m, y: y + 0 * torch.rand(1) * random.random()).eval(), Ends(lambda m, y: y).eval()
    torch.testing.assert_close(gradient(network, images, 0), gradient(plain, images, 0))


COMPANY: dict[str, Callable[[Any, Tensor], Any]] = {
    "largest": lambda m, y: y / y.abs().max(),
    "largest, as a number": lambda m, y: y / max(map(max, y.abs().tolist())),
    "first": lambda m, y: y - y[:1],
    "softmax over the batch": lambda m, y: y - y.softmax(0),
}


@pytest.mark.parametrize("name", COMPANY)
def test_company_is_found_whichever_image_decides(name: str, images: Tensor) -> None:
    for order in ([0, 1, 2], [1, 2, 0], [2, 1, 0], [0, 2], [2, 0]):
        with pytest.raises(ValueError, match="other images"):
            gradient(Ends(COMPANY[name]).eval(), images[order], 0)


def test_rows_that_add_up_by_chance_are_logits(images: Tensor) -> None:
    """What is judged is another image, also if the batch is one image or several times the same."""
    network = Ends(lambda m, y: y, classes=3).eval()
    with torch.no_grad():
        off = network.body[4].bias.data
        off += torch.tensor([0.2, 0.3, 0.5]) - network(images[:1])[0]
    assert float(network(images[:1]).sum()) == pytest.approx(1)
    for some in (images[:1], images[[0, 0]], images):
        assert gradient(network, some, 0).any()
        assert grad_cam(network, some, 0).any()
        assert occlusion(network, some, 0, patch=8, stride=8).any()
    with pytest.raises(ValueError, match="probabilities"):
        gradient(Ends(lambda m, y: y.softmax(1)).eval(), images[:1], 0)
    constant = Ends(lambda m, y: 0 * y + torch.tensor([0.5, 0.5, 0, 0, 0])).eval()  # which nobody can judge
    assert not gradient(constant, images, 0).any()


def test_a_network_that_cannot_answer_one_image_says_so(images: Tensor) -> None:
    class Pairs(Ends):
        def forward(self, x: Tensor) -> Any:
            if len(x) < 2:
                raise RuntimeError("two at least")
            return super().forward(x)

    with pytest.raises(ValueError, match="alone, the model raises RuntimeError"):
        gradient(Pairs(lambda m, y: y).eval(), images, 0)
    squeezed = Ends(lambda m, y: y.squeeze()).eval()
    assert torch.equal(gradient(squeezed, images, 0), gradient(Ends(lambda m, y: y).eval(), images, 0))


@pytest.mark.parametrize("masked", [1, 4, 90])
@pytest.mark.parametrize("mask", [-1e4, 1e6, -3e38])
def test_a_number_that_masks_classes_hides_no_company(mask: float, masked: int, images: Tensor) -> None:
    def end(m: nn.Module, y: Tensor) -> Tensor:
        return torch.cat([y + 0.2 * y.abs().mean(0), y.new_full((len(y), masked), mask)], 1)

    with pytest.raises(ValueError, match="other images"):
        gradient(Ends(end).eval(), images, 0)


def test_rounding_is_no_company_where_most_logits_are_0(images: Tensor) -> None:
    """As of a network that ends in ReLU."""

    def end(m: nn.Module, y: Tensor) -> Tensor:
        return (y - y.median(1, keepdim=True).values).relu() * (1 + 1e-5 * (len(y) > 1))

    assert gradient(Ends(end).eval(), images, 0).shape == (3, 16, 16)


@pytest.mark.parametrize("share", [1e-2, 5e-2])
def test_a_small_share_of_company_is_no_rounding(share: float, images: Tensor) -> None:
    with pytest.raises(ValueError, match="other images"):
        gradient(Ends(lambda m, y: y + share * y.abs().mean(0)).eval(), images, 0)


class Turned(nn.Module):
    """Works channels last for a while; then channels come first again, and the map gets another size or the same."""

    def __init__(self, channels: int, then: nn.Module) -> None:
        super().__init__()
        self.conv, self.mix, self.then = nn.Conv2d(3, channels, 3, padding=1), nn.Linear(channels, channels), then
        self.turn, self.head = nn.Identity(), nn.Linear(channels, 5)

    def maps(self, x: Tensor) -> Tensor:
        return self.then(self.turn(self.mix(self.conv(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.maps(x).square().mean((2, 3)))


@pytest.mark.parametrize("channels", [4, 16])  # 16 as the map is high and wide, so that sizes say nothing
@pytest.mark.parametrize("then", [nn.Upsample(scale_factor=2), nn.MaxPool2d(3, 1), nn.Identity()])
def test_channels_that_come_first_again_are_followed(channels: int, then: nn.Module, images: Tensor) -> None:
    network = Turned(channels, then).eval()
    maps = network.maps(images).detach().requires_grad_()
    score = network.head(maps.square().mean((2, 3)))[:, 1].sum()
    (grads,) = torch.autograd.grad(score, maps)
    plain = (grads.mean((2, 3), keepdim=True) * maps).sum(1, keepdim=True).relu().detach()
    expected = F.interpolate(plain, images.shape[-2:], mode="bilinear")[:, 0]
    assert torch.allclose(grad_cam(network, images, 1, layer="then"), expected, atol=1e-6)


# ---- gradients ----


class Cut(nn.Module):
    """A network whose pixels go through something first."""

    def __init__(self, how: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.how, self.body = how, Ends(lambda m, y: y)

    def forward(self, x: Tensor) -> Any:
        return self.body(self.how(x))


CUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "data": lambda x: x.data,
    "round": lambda x: (x * 255).round() / 255,
    "threshold": lambda x: (x > 0.5).float(),
    "new tensor": lambda x: torch.tensor(x.tolist()),
}


@pytest.mark.parametrize("name", CUTS)
@pytest.mark.parametrize("method", [gradient, input_x_gradient, vargrad, guided_backprop], ids=lambda m: m.__name__)
def test_no_gradient_is_an_error(name: str, method: Any, images: Tensor) -> None:
    with pytest.raises(ValueError, match="no gradient at the pixels"):
        method(Cut(CUTS[name]).eval(), images, 1)


class FrozenBody(nn.Module):
    """A head to be trained on what a body with a ReLU answers without a gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            features = self.body(x).mean((2, 3))
        return self.head(features)


@pytest.mark.parametrize("method", [gradient, input_x_gradient, vargrad, guided_backprop], ids=lambda m: m.__name__)
def test_a_body_without_gradient_is_cut_off_whatever_layers_it_has(method: Any, images: Tensor) -> None:
    with pytest.raises(ValueError, match="no gradient at the pixels"):
        method(FrozenBody().eval(), images, 1)


@pytest.mark.parametrize("penalty", [0.0, 0.1])
@pytest.mark.parametrize("name", CUTS)
def test_no_gradient_is_an_error_of_reconstruction_too(name: str, penalty: float) -> None:
    with pytest.raises(ValueError, match="no gradient at the pixels"):
        reconstruct(Cut(CUTS[name]).eval(), 1, size=16, steps=2, l2=penalty)


# ---- structure ----


class Blocks(nn.Module):
    """Concatenates what its branches see; or keeps its channels last, as many as there are rows."""

    def __init__(self, last: bool) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            self.stem, self.left, self.right = (
                nn.Conv2d(3, 8, 3, 2, 1),
                nn.Conv2d(8, 4, 1),
                nn.Conv2d(8, 8, 3, padding=1),
            )
            self.mix, self.block, self.head = nn.Linear(8, 8), nn.Identity(), nn.Linear(8 if last else 12, 5)
        self.last = last

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x).relu()
        if self.last:
            x = self.block(self.mix(x.permute(0, 2, 3, 1)))
            return self.head((x * x).mean((1, 2)))
        return self.head(self.block(torch.cat([self.left(x), self.right(x)], 1)).pow(2).mean((2, 3)))


@pytest.mark.parametrize("last", [False, True])
def test_grad_cam_takes_the_whole_map_and_finds_its_channels(last: bool, images: Tensor) -> None:
    network = Blocks(last).eval()  # 8 x 8 places, and 8 channels where they are last
    kept: list[Tensor] = []
    with record(network, ["block"], detach=False) as seen:
        score = network(images)[:, 2].sum()
    kept = [seen["block"]]
    handle = network.block.register_forward_hook(lambda m, i, o: kept.append(o))
    score = network(images)[:, 2].sum()
    handle.remove()
    (grad,) = torch.autograd.grad(score, kept[-1])
    space, channel = ((1, 2), -1) if last else ((2, 3), 1)
    expected = (grad.mean(space, keepdim=True) * kept[-1]).sum(channel).relu().detach()
    expected = F.interpolate(expected[:, None], (16, 16), mode="bilinear", align_corners=False)[:, 0]
    torch.testing.assert_close(grad_cam(network, images, 2), expected)
    torch.testing.assert_close(grad_cam(network, images, 2, layer="block"), expected)


class Tokens(nn.Module):
    """A tiny vision transformer with a class token, whose head sees the tokens' mean or the class token."""

    def __init__(self, mean: bool = True) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(2)
            self.embed, self.token = nn.Conv2d(3, 12, 4, 4), nn.Parameter(torch.randn(1, 1, 12))
            self.block = nn.TransformerEncoderLayer(12, 2, 24, batch_first=True, dropout=0.0)
            self.norm, self.head, self.mean = nn.LayerNorm(12), nn.Linear(12, 5), mean

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x).flatten(2).transpose(1, 2)
        x = self.norm(self.block(torch.cat([self.token.expand(len(x), -1, -1), x], 1)))
        return self.head(x.mean(1) if self.mean else x[:, 0])


def test_tokens_are_asked_for_and_made_a_map(images: Tensor) -> None:
    network = Tokens().eval()
    with pytest.raises(ValueError, match=r"goes on with tokens.*expected the name of a layer"):
        grad_cam(network, images, 1)
    heat = grad_cam(network, images, 1, layer="norm")
    assert heat.shape == (3, 16, 16)
    assert torch.equal(heat, grad_cam(network, images, 1, layer="norm", grid=(4, 4)))
    with pytest.raises(ValueError, match=r"17 tokens; expected grid="):
        grad_cam(network, images, 1, layer="norm", grid=(5, 4))
    with pytest.raises(ValueError, match="expected an earlier layer"):
        grad_cam(Tokens(mean=False).eval(), images, 1, layer="norm")
    assert reconstruct(network, 11, layer="norm", size=16, steps=1).shape == (1, 3, 16, 16)
    with pytest.raises(ValueError, match="12 units"):
        reconstruct(network, 12, layer="norm", size=16, steps=1)


def test_input_channels_and_head_are_found_by_asking() -> None:
    stem = nn.Sequential(nn.PixelUnshuffle(4), nn.Conv2d(16, 4, 1), nn.Flatten(), nn.Linear(64, 3)).eval()
    model = Classifier(stem, input_size=16)
    assert model.channels == 1
    assert model.preprocess(np.zeros((20, 20), np.uint8)).shape == (1, 1, 16, 16)
    assert reconstruct(stem, 0, size=16, steps=1).shape == (1, 1, 16, 16)

    class Auxiliary(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.side = nn.Conv2d(7, 2, 1)
            self.stem, self.main, self.extra = nn.Conv2d(4, 6, 3), nn.Linear(6, 3), nn.Linear(6, 9)

        def forward(self, x: Tensor) -> Tensor:
            x = self.stem(x).mean((2, 3))
            self.extra(x)
            return self.main(x)

    found = Classifier(Auxiliary().eval(), input_size=8)
    assert (found.channels, found.head, found.classes) == (4, found.network.main, ["0", "1", "2"])


# ---- hidden layers, sanity checks ----


def test_torchscript_is_named_and_compiled_networks_work(images: Tensor) -> None:
    network = Ends(lambda m, y: y).body.eval()
    scripted = torch.jit.script(network)
    for call in (
        lambda: grad_cam(scripted, images, 0),
        lambda: guided_backprop(scripted, images, 0),
        lambda: cascade(scripted, images, 0, gradient, seeds=2),
        lambda: invert(scripted, images, "0", steps=1),
    ):
        with pytest.raises(ValueError, match="TorchScript"):
            call()
    compiled = torch.compile(network, backend="eager")
    compiled(images)
    assert torch.equal(grad_cam(compiled, images, 0), grad_cam(network, images, 0))
    assert torch.equal(guided_backprop(compiled, images, 0), guided_backprop(network, images, 0))


class Own(nn.Module):
    """Uses its layers' weights without calling them, and numbers of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 6, 3), nn.Linear(6, 5)
        self.scale, self.shift = nn.Parameter(torch.tensor(2.0)), nn.Parameter(torch.zeros(5))

    def forward(self, x: Tensor) -> Tensor:
        x = F.conv2d(x, self.conv.weight, self.conv.bias).relu().mean((2, 3))
        return F.linear(x, self.head.weight, self.head.bias) * self.scale + self.shift


def _pruned() -> nn.Module:
    network = Ends(lambda m, y: y).body
    prune.random_unstructured(network[0], "weight", 0.5)
    nn.utils.spectral_norm(network[4])
    return network


@pytest.mark.parametrize("make", [Own, _pruned])
def test_every_weight_in_use_is_random_in_the_end(make: Callable[[], nn.Module], images: Tensor) -> None:
    network = make().eval()
    before = {name: p.detach().clone() for name, p in network.named_parameters()}
    (*_, (_, last)) = randomised(network, images)
    for name, parameter in last.named_parameters():  # named as the forward pass uses them
        layer, _, attribute = name.rpartition(".")
        assert not torch.equal(parameter, getattr(network.get_submodule(layer), attribute)), name
    assert all(torch.equal(p, before[name]) for name, p in network.named_parameters())


# ---- the engine ----


class Reads(nn.Module):
    """Reads a number off the pixels, and one off a shape."""

    def __init__(self, read: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.conv, self.head, self.read = nn.Conv2d(3, 4, 3, padding=1), nn.Linear(4, 5), read

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        return self.head((torch.clamp(y, max=self.read(y)) / y.shape[-1]).mean((2, 3)))


@pytest.mark.parametrize("read", [lambda y: y.max().item() / 2, lambda y: float(y.amax((1, 2, 3)).tolist()[0]) / 3])
def test_a_number_read_off_the_pixels_is_no_shape(read: Callable[[Tensor], Any], images: Tensor) -> None:
    network = Reads(read).eval()
    one = images[:1]
    by, plain = (
        occlusion(network, one, 0, patch=4, stride=4, batch_size=1, incremental=incremental)
        for incremental in (True, False)
    )
    torch.testing.assert_close(by, plain, rtol=0, atol=1e-6)
    assert plain.any()


def test_the_reason_for_plain_batches_can_be_read(images: Tensor) -> None:
    class Loops(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.stack([row.mean((1, 2)) for row in x])

    assert "TraceError" in str(IncrementalModel(Loops(), images).why)
    seen = IncrementalModel(Ends(lambda m, y: y).eval(), images)
    assert (seen.exact_by, seen.why) == ("increments", None)


def test_other_threads_go_on_while_one_traces(images: Tensor) -> None:
    network, other = Ends(lambda m, y: y).eval(), Ends(lambda m, y: 2 * y).eval()
    expected, wrong, over = other(images), list[Any](), threading.Event()

    def go_on() -> None:
        while not over.is_set():
            try:
                wrong.extend([] if torch.equal(other(images), expected) else ["other"])
            except Exception as error:
                wrong.append(error)

    thread, interval = threading.Thread(target=go_on), sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    thread.start()
    try:
        maps = [occlusion(network, images, 0, patch=8, stride=8) for _ in range(10)]
    finally:
        over.set()
        thread.join()
        sys.setswitchinterval(interval)
    assert not wrong
    assert all(torch.equal(heat, maps[0]) for heat in maps)


def test_threads_that_share_a_network_do_not_see_each_others_maps(images: Tensor) -> None:
    network, found = Ends(lambda m, y: y).eval(), dict[int, list[Tensor]]()
    alone = [grad_cam(network, image[None], 0) for image in images]

    def ask(i: int) -> None:
        found[i] = [grad_cam(network, images[i : i + 1], 0) for _ in range(15)]

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(torch.allclose(heat, alone[i]) for i in range(3) for heat in found[i])


def test_probabilities_are_seen_of_a_network_to_which_an_image_and_its_negative_look_alike(images: Tensor) -> None:
    class Above(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return (x > 0.5).to(x)

    network = nn.Sequential(Above(), nn.AdaptiveMaxPool2d(2), nn.Flatten(), nn.Linear(12, 4), nn.Softmax(1)).eval()
    assert torch.equal(network(images[:1]), network(1 - images[:1]))
    with pytest.raises(ValueError, match="probabilities"):
        answers(network, images[:1])


# ---- PyTorch's own state ----


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_does_not_round_small_drops_away(dtype: torch.dtype, images: Tensor) -> None:
    wide, half = Ends(lambda m, y: 1e-2 * y).eval(), Ends(lambda m, y: 1e-2 * y).eval().to(dtype)
    expected = occlusion(wide, images.to(dtype).float(), 0, patch=8, stride=8)
    found = occlusion(half, images.to(dtype), 0, patch=8, stride=8).float()
    assert (found - expected).abs().max() < 0.1 * expected.abs().max()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("method", [smoothgrad, smoothgrad_squared, vargrad, integrated_gradients])
def test_half_precision_neither_loses_small_gradients_nor_stops_adding_them_up(
    method: Any, dtype: torch.dtype, images: Tensor
) -> None:
    wide, half = Ends(lambda m, y: 1e-3 * y).eval(), Ends(lambda m, y: 1e-3 * y).eval().to(dtype)
    many = {"steps": 300} if method is integrated_gradients else {"n": 300, "sigma": 0.3}
    rounded = images.to(dtype)
    expected = method(wide, rounded.float(), 0, **many)
    found = method(half, rounded, 0, **many, batch_size=1)
    assert found.dtype == torch.float32
    assert (found - expected).abs().max() < 0.1 * expected.abs().max()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_moves_and_continued_surroundings_are_exact_to_the_last_digit_of_half_precision(dtype: torch.dtype) -> None:
    pixels = torch.rand(1, 3, 225, 256)
    close = 2 * torch.finfo(dtype).eps
    still = moved(pixels.to(dtype), shift=0, scale=0.0, rotate=0)
    assert torch.allclose(still.float(), pixels, atol=close)
    with torch.autocast("cpu", dtype):
        assert torch.allclose(moved(pixels, shift=0, scale=0.0, rotate=0), pixels, atol=1e-4)
    there = torch.tensor([0]), torch.tensor([9]), torch.tensor([9])
    flat = fills.inpaint(torch.full_like(pixels, 0.7).to(dtype), *there, (40, 40))
    assert torch.equal(flat, torch.full_like(flat, 0.7))


STATES: dict[str, Callable[[], Any]] = {
    "inference mode": lambda: torch.inference_mode(),
    "no_grad": lambda: torch.no_grad(),
    "default device": lambda: torch.device("meta"),
}


@pytest.mark.parametrize("name", STATES)
def test_what_the_reader_has_set_changes_nothing(name: str, images: Tensor) -> None:
    network = Ends(lambda m, y: y).eval()
    for call in (
        lambda: smoothgrad(network, images, 1, n=2),
        lambda: occlusion(network, images, 1, patch=8, stride=8, fill="noise"),
        lambda: reconstruct(network, 1, size=16, steps=2),
        lambda: invert(network, images, "body.0", steps=2),
        lambda: cascade(network, images, 1, gradient, seeds=2).values,
    ):
        expected = call()
        with STATES[name]():
            found = call()
        assert torch.equal(found.clone(), expected)


def test_a_default_of_double_precision_changes_nothing(images: Tensor) -> None:
    network = Ends(lambda m, y: y).eval()
    expected = [smoothgrad(network, images, 1, n=2), occlusion(network, images, 1, patch=8, stride=8, fill="noise")]
    torch.set_default_dtype(torch.float64)
    try:
        found = [smoothgrad(network, images, 1, n=2), occlusion(network, images, 1, patch=8, stride=8, fill="noise")]
    finally:
        torch.set_default_dtype(torch.float32)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_nothing_is_kept_of_networks_that_are_gone(images: Tensor) -> None:
    from vislib import explain

    gradient(Ends(lambda m, y: y).eval(), images, 0)
    gc.collect()
    assert not [model for model in explain._LOOKED_AT if isinstance(model, Ends)]


# ---- scores, targets, options ----

NO_SCORES: dict[str, Callable[[Tensor, Tensor], Any]] = {
    "returned shape (3, 5)": lambda logits, target: logits,
    "returned shape ()": lambda logits, target: logits.max(),
    "a float": lambda logits, target: 1.0,
    "returned torch.int64": lambda logits, target: logits.argmax(1),
    "is NaN": lambda logits, target: logits[:, 0] - torch.inf + torch.inf,
}


@pytest.mark.parametrize("part", NO_SCORES)
def test_a_score_is_one_number_per_image(part: str, images: Tensor) -> None:
    network, score = Ends(lambda m, y: y).eval(), NO_SCORES[part]
    for call in (
        lambda: gradient(network, images, 0, score=score),
        lambda: grad_cam(network, images, 0, score=score),
        lambda: occlusion(network, images, 0, score=score),
        lambda: completeness_gap(network, images, 0, images[:, 0], score=score),
        lambda: reconstruct(network, torch.tensor([0, 1, 2]), size=16, steps=1, score=score),
    ):
        with pytest.raises(ValueError, match="the score") as caught:
            call()
        assert part in str(caught.value)


def test_a_function_is_no_model(images: Tensor) -> None:
    network = Ends(lambda m, y: y).eval()

    def ask(x: Tensor) -> Any:
        return network(x)

    for call in (
        lambda: gradient(ask, images, 0),
        lambda: reconstruct(ask, 0, size=16),
        lambda: Classifier(ask),
        lambda: class_weights(ask),
        lambda: record(ask, ["body"]).__enter__(),
    ):
        with pytest.raises(TypeError, match=r"the model is a function; expected a torch.nn.Module"):
            call()


def test_patch_and_stride_follow_the_image() -> None:
    for height, width in ((28, 28), (1, 1), (7, 50), (90, 33)):
        network = nn.Sequential(nn.Flatten(), nn.Linear(height * width, 3)).eval()
        image = torch.rand(1, 1, height, width)
        patch = (min(32, max(height // 2, 1)), min(32, max(width // 2, 1)))
        stride = (min(8, patch[0]), min(8, patch[1]))
        assert torch.equal(occlusion(network, image, 0), occlusion(network, image, 0, patch=patch, stride=stride))


def test_patches_may_lie_apart_where_not_every_pixel_counts(images: Tensor) -> None:
    network = Ends(lambda m, y: y).eval()
    close = occlusion_logits(network, images, patch=2, stride=2)[1]
    apart = occlusion_logits(network, images, patch=2, stride=(4, 6))[1]
    assert apart.shape[1:3] == (5, 4)
    torch.testing.assert_close(apart[:, :4, 0], close[:, ::2, 0], rtol=0, atol=1e-6)
    assert occlusion_grid(network, images, 0, patch=2, stride=(4, 6)).shape == (3, 5, 4)
    with pytest.raises(ValueError, match="never be covered"):
        occlusion(network, images, 0, patch=2, stride=(4, 6))


def test_nothing_is_missed_of_an_image_that_is_the_baseline(images: Tensor) -> None:
    network = Ends(lambda m, y: y).eval()
    some = torch.cat([torch.full_like(images[:1], 0.5), images[:2]])
    gap = completeness_gap(network, some, 1, torch.zeros(3, 16, 16), baseline="gray")
    assert float(gap[0]) == 0
    torch.testing.assert_close(gap[1:], torch.ones(2))
    with pytest.raises(ValueError, match=r"heat was given as shape \(3, 3, 16, 16\); expected shape \(3, 16, 16\)"):
        completeness_gap(network, some, 1, some)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_pictures_in_half_precision(dtype: torch.dtype, images: Tensor) -> None:
    small = resized(images.to(dtype), 7)
    assert small.dtype == dtype
    torch.testing.assert_close(small.float(), resized(images, 7), rtol=0, atol=1e-2)
    network = Ends(lambda m, y: y).eval().to(dtype)
    for made in (reconstruct(network, 0, size=16, steps=3), invert(network, images.to(dtype), "body.0", steps=3)):
        assert made.dtype == dtype
        assert bool(made.isfinite().all())


NUMBERS: dict[str, Callable[[Any, Tensor], Any]] = {
    "learning_rate": lambda value, x: reconstruct(Ends(lambda m, y: y).eval(), 0, size=16, learning_rate=value),
    "l2": lambda value, x: reconstruct(Ends(lambda m, y: y).eval(), 0, size=16, l2=value),
    "scale": lambda value, x: moved(x, scale=value),
    "rotate": lambda value, x: moved(x, rotate=value),
    "sigma": lambda value, x: smoothgrad(Ends(lambda m, y: y).eval(), x, 0, sigma=value),
    "perplexity": lambda value, x: tsne(x, perplexity=value),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_options_that_are_no_numbers(name: str, images: Tensor) -> None:
    for value, kind in (("much", TypeError), (math.nan, ValueError), (True, TypeError), (None, TypeError)):
        with pytest.raises(kind, match=f"{name} is {value!r}; expected"):
            NUMBERS[name](value, images)


# ---- rectifiers, windows ----


class Rectified(nn.Module):
    """Rectifies twice: by ReLU, and by something that is one under another name."""

    def __init__(self, rectify: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(4)
            self.one, self.two, self.head = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3), nn.Linear(8, 5)
        self.rectify = rectify

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.rectify(self.two(self.one(x).relu())).mean((2, 3)))


class Does(nn.Module):
    """A function as a layer."""

    def __init__(self, work: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.work = work

    def forward(self, x: Tensor) -> Tensor:
        return self.work(x)


def _cut_off(x: Tensor) -> Tensor:
    x[x < 0] = 0
    return x


@pytest.mark.parametrize(
    "rectify",
    [
        lambda x: x.clamp(min=0),
        lambda x: x.clamp_(0),
        lambda x: torch.clip(x, 0.0, None),
        lambda x: torch.clamp_min(x, 0),
        lambda x: torch.clamp(x, torch.tensor(0.0)),
        lambda x: torch.maximum(x, torch.zeros(())),
        lambda x: F.threshold(x, 0, 0),
        lambda x: torch.where(x > 0, x, 0),
        lambda x: x.clamp(torch.zeros_like(x)),
        lambda x: torch.fmax(torch.zeros_like(x), x),
        lambda x: x * (x > 0),
        lambda x: x - x.clamp(max=0),
        lambda x: x.masked_fill(x < 0, 0),
        lambda x: F.prelu(input=x, weight=torch.zeros(1)),
        lambda x: F.hardtanh(x, 0, 100),
        _cut_off,
    ],
)
def test_what_is_a_relu_under_another_name(rectify: Callable[[Tensor], Tensor], images: Tensor) -> None:
    expected = guided_backprop(Rectified(torch.relu).eval(), images, 1)
    torch.testing.assert_close(guided_backprop(Rectified(rectify).eval(), images, 1), expected)
    assert not torch.allclose(gradient(Rectified(rectify).eval(), images, 1), expected)


@pytest.mark.parametrize("unlike", [lambda x: x.clamp(-1, 5), F.silu, torch.abs, lambda x: F.threshold(x, 0.1, 0)])
def test_what_is_no_relu_is_not_guided(unlike: Callable[[Tensor], Tensor], images: Tensor) -> None:
    network = Rectified(unlike).eval()
    x = images.clone().requires_grad_()
    first = network.one(x).relu()
    first.register_hook(lambda grad: grad.clamp(min=0))
    (by_hand,) = torch.autograd.grad(network.head(unlike(network.two(first)).mean((2, 3)))[:, 1].sum(), x)
    torch.testing.assert_close(guided_backprop(network, images, 1), by_hand.abs().sum(1))


@pytest.mark.parametrize("relu", [torch.relu, lambda x: x.clamp(min=0), lambda x: F.hardtanh(x, 0, 50)])
def test_a_relu_of_what_is_positive_already_is_one(relu: Callable[[Tensor], Tensor], images: Tensor) -> None:
    """The mean of what was guided comes back negative to the second; what changes nothing is no ReLU."""
    network = nn.Sequential(nn.Conv2d(3, 4, 3), Does(torch.exp), Does(relu), nn.Flatten(), nn.Linear(784, 5)).eval()
    with torch.no_grad():
        network[0].weight *= 0.1
    x = images.clone().requires_grad_()
    seen = network[1](network[0](x))
    seen.register_hook(lambda grad: grad.clamp(min=0))
    (by_hand,) = torch.autograd.grad(network[3:](seen)[:, 1].sum(), x)
    torch.testing.assert_close(guided_backprop(network, images, 1), by_hand.abs().sum(1))
    with pytest.raises(ValueError, match="no ReLU"):
        guided_backprop(nn.Sequential(*network[:2], Does(torch.clone), *network[3:]).eval(), images, 1)


def test_a_part_that_is_torchscript_cannot_be_guided(images: Tensor) -> None:
    part = torch.jit.script(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()))
    network = nn.Sequential(part, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5)).eval()
    with pytest.raises(ValueError, match="TorchScript"):
        guided_backprop(network, images, 0)


class Windows(nn.Module):
    """Works on the windows of a map, (B, windows, places, C), which is no map."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.mix, self.head = nn.Conv2d(3, 6, 2, 2), nn.Linear(6, 6), nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x).unflatten(3, (2, 4)).unflatten(2, (2, 4)).permute(0, 2, 4, 3, 5, 1)
        x = self.mix(x.reshape(len(x), 4, 16, 6))
        return self.head(x.tanh().mean((1, 2)))


def test_windows_of_a_map_are_no_map(images: Tensor) -> None:
    network = Windows().eval()
    with pytest.raises(ValueError, match=r"goes on with tokens, up to 'mix'"):
        grad_cam(network, images, 0)
    with pytest.raises(ValueError, match=r"answers with shape \(3, 4, 16, 6\); expected maps"):
        grad_cam(network, images, 0, layer="mix")
    assert grad_cam(network, images, 0, layer="stem").shape == (3, 16, 16)
