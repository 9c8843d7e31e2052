"""Every bad input is refused with one sentence of the right kind that says what came and what was expected."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.calls import FUNCTIONS, SETS, SIGNATURES, having
from tests.state import unchanged
from vislib import controls, data, gradients, models
from vislib.course import explanation_taxonomy, networks
from vislib.course import occlusion as occlusion_course
from vislib.explain import check_eval, pair
from vislib.incremental import IncrementalModel
from vislib.models import Classifier
from vislib.occlusion import occlusion, occlusion_grid
from vislib.reconstruction import invert, moved, reconstruct

Call = Callable[[nn.Module, Any], Any]
METHODS: dict[str, Call] = {
    "networks.fit_jointly": lambda model, images: networks.fit_jointly(
        Classifier(networks.SelfExplainingNet(classes=5, size=16, width=4)), _annotated(images), epochs=1
    ),
    "controls.blurred": lambda model, images: controls.blurred(gradients.gradient)(model, images, 0),
    "incremental.IncrementalModel": IncrementalModel,
    "models.Classifier.top": lambda model, images: Classifier(model).top(images),
    "models.Classifier.features": lambda model, images: Classifier(model).features(images),
    "explorer.occlusion": lambda model, images: occlusion_course.explorer(Classifier(model), images, 0),
    "explorer.taxonomy": lambda model, images: explanation_taxonomy.explorer(Classifier(model), images, 0, patch=4),
}
ROUTINES: dict[str, Callable[..., Any]] = FUNCTIONS | METHODS
WITH_SETS = [name for name in FUNCTIONS if SIGNATURES[name].keys() & SETS] + ["networks.fit_jointly"]
TRAINING = [name for name in WITH_SETS if name.startswith(("training.fit", "networks.fit"))]
MODELS = [name for name in ROUTINES if name in METHODS or SIGNATURES[name].keys() & {"model", "twins"}]
SILENT = (
    "controls.",
    "reconstruction.invert",
    "explorer.",
    "nets.",
    "networks.",
    "models.Classifier.features",
)  # ask for no logits
ANSWERERS = [name for name in MODELS if not name.startswith(SILENT) and name != "networks.fit_jointly"]


def _annotated(images: Tensor) -> data.ImageSet:
    labels = torch.zeros(len(images), dtype=torch.int64)
    masks = torch.zeros(len(images), *images.shape[-2:], dtype=torch.bool)
    return data.ImageSet(images, labels, "abcde", masks, {"texture": labels})


def across(routines: Sequence[Any], cases: Iterable[str], first: Sequence[Any] = ()) -> list[Any]:
    """Return all pairs of a routine and a case; those beyond the first case, and of other than the first routines, are slow.

    Routines share their checks: that each one checks is seen by one bad case, and what a check says by one routine.
    """
    names = list(cases)
    first = first or routines[:1]
    return [
        pytest.param(routine, name, marks=() if routine in first or name == names[0] else pytest.mark.slow)
        for routine in routines
        for name in names
    ]


def refused(model: nn.Module, call: Callable[[], Any], kind: type[Exception], *parts: str) -> None:
    """Check that `call` raises exactly `kind`, one sentence with all `parts`, and leaves the model as it was."""
    with unchanged(model), pytest.raises(kind) as caught:
        call()
    message = str(caught.value)
    assert caught.type is kind
    assert "\n" not in message
    for part in parts:
        assert part in message


def _with(images: Tensor, value: float) -> Tensor:
    images = images.clone()
    images[1, 2, 3, 4] = value
    return images


IMAGES: dict[str, tuple[Callable[[Tensor], Any], type[Exception], list[str]]] = {
    "an array": (lambda x: x.numpy(), TypeError, ["images is a ndarray", "expected a torch.Tensor of shape (B, C, H, W)"]),
    "nothing": (lambda x: None, TypeError, ["images is a NoneType", "expected a torch.Tensor"]),
    "one image": (lambda x: x[0], ValueError, ["images has shape (3, 16, 16)", "expected four dimensions (B, C, H, W)"]),
    "five dimensions": (lambda x: x[None], ValueError, ["shape (1, 3, 3, 16, 16)", "expected four dimensions"]),
    "no images": (lambda x: x[:0], ValueError, ["images has shape (0, 3, 16, 16)", "expected at least one image"]),
    "no pixels": (lambda x: x[..., :0], ValueError, ["shape (3, 3, 16, 0)", "with at least one pixel"]),
    "bytes": (lambda x: (255 * x).byte(), TypeError, ["images has dtype torch.uint8", "expected floating point"]),
    "integers": (lambda x: x.long(), TypeError, ["images has dtype torch.int64", "expected floating point"]),
    "complex": (lambda x: x.cfloat(), TypeError, ["images has dtype torch.complex64", "expected floating point"]),
    "double": (lambda x: x.double(), TypeError, ["images has dtype torch.float64 and the model torch.float32", "expected the same"]),
    "half": (lambda x: x.half(), TypeError, ["images has dtype torch.float16 and the model torch.float32"]),
    "too high": (lambda x: _with(x.clamp(0.25, 0.75), 255), ValueError, ["values from 0.25 to 255", "expected pixels in [0, 1]"]),
    "too low": (lambda x: _with(x.clamp(0.25, 0.75), -2.5), ValueError, ["from -2.5 to 0.75", "belongs inside the model"]),
    "infinite": (lambda x: _with(x, torch.inf), ValueError, ["to inf", "expected pixels in [0, 1]"]),
    "NaN": (lambda x: _with(x, torch.nan), ValueError, ["images contains NaN", "expected pixels in [0, 1]"]),
}  # fmt: skip


def _images() -> list[Any]:
    """Leave out: a set of what is no tensor, which nobody can make; the model's type, where there is no model."""
    others = [name for name in IMAGES if name not in ("too high", "an array", "nothing", "double", "half")]
    without_model = [name for name in ROUTINES if name not in MODELS and name not in WITH_SETS]
    with_model = [name for name in MODELS if name not in WITH_SETS]
    return [
        *across(with_model, ["too high", *others, "an array", "nothing", "double", "half"], ["occlusion.occlusion"]),
        *across(without_model, ["too high", *others, "an array", "nothing"]),
        *across(WITH_SETS, ["too high", *others, "double", "half"]),
    ]


@pytest.mark.parametrize(("routine", "name"), _images())
def test_images(routine: str, name: str, cnn: nn.Module, images: Tensor) -> None:
    make, kind, parts = IMAGES[name]
    refused(cnn, lambda: ROUTINES[routine](cnn, make(images)), kind, *parts)


def test_pixels_at_the_ends_of_the_range_are_accepted(cnn: nn.Module) -> None:
    occlusion_grid(cnn, torch.tensor([0.0, 1.0])[:, None, None, None].expand(2, 3, 16, 16), 0, patch=4, stride=4)


TARGETS: dict[str, tuple[Any, type[Exception], list[str]]] = {
    "float": (1.0, TypeError, ["target is a float", "expected an int, or an int tensor of shape (3,)"]),
    "bool": (True, TypeError, ["target is a bool", "expected an int"]),
    "name": ("cat", TypeError, ["target is a str", "expected an int"]),
    "nothing": (None, TypeError, ["target is a NoneType"]),
    "list": ([0, 1, 2], TypeError, ["target is a list"]),
    "float tensor": (torch.zeros(3), TypeError, ["target has dtype torch.float32", "expected an int"]),
    "bool tensor": (torch.ones(3, dtype=torch.bool), TypeError, ["target has dtype torch.bool"]),
    "complex tensor": (torch.ones(3, dtype=torch.cfloat), TypeError, ["target has dtype torch.complex64"]),
    "too few": (torch.tensor([0, 1]), ValueError, ["target has shape (2,) for 3 images", "of shape (3,)"]),
    "a column": (torch.zeros(3, 1, dtype=torch.int64), ValueError, ["target has shape (3, 1) for 3 images"]),
    "a column of one": (torch.zeros(1, 1, dtype=torch.int64), ValueError, ["target has shape (1, 1) for 3 images"]),
    "negative": (-1, ValueError, ["target contains -1", "expected a class index of 0 or more"]),
    "one negative": (torch.tensor([0, -7, 2]), ValueError, ["target contains -7"]),
    "too high": (5, ValueError, ["target contains 5, and the model has 5 classes", "expected 0 to 4"]),
    "one too high": (torch.tensor([0, 1, 9]), ValueError, ["target contains 9", "expected 0 to 4"]),
}


def _targets() -> list[Any]:
    """Leave out a class that does not exist where the model is not asked, which alone knows how many there are."""
    silent = [name for name in having("target", "images") if name.startswith(SILENT)]
    asking = [name for name in having("target", "images") if name not in silent]
    return [
        *across(asking, ["too high", *(name for name in TARGETS if name != "too high")]),
        *across(silent, [name for name in TARGETS if "too high" not in name]),
    ]


@pytest.mark.parametrize(("routine", "name"), _targets())
def test_target(routine: str, name: str, cnn: nn.Module, images: Tensor) -> None:
    target, kind, parts = TARGETS[name]
    refused(cnn, lambda: FUNCTIONS[routine](cnn, images, target=target), kind, *parts)


@pytest.mark.parametrize("name", ["float", "bool", "negative", "too high"])
def test_target_of_the_explorer(name: str, cnn: nn.Module, images: Tensor) -> None:
    target, kind, parts = TARGETS[name]
    parts = [part.replace("(3,)", "(1,)") for part in parts]
    refused(cnn, lambda: occlusion_course.explorer(Classifier(cnn), images[:1], target), kind, *parts)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.int64])
def test_a_target_of_any_integer_type_is_accepted(dtype: torch.dtype, cnn: nn.Module, images: Tensor) -> None:
    expected = occlusion(cnn, images, torch.tensor([4, 0, 2]), patch=4, stride=4)
    assert torch.equal(occlusion(cnn, images, torch.tensor([4, 0, 2], dtype=dtype), patch=4, stride=4), expected)


OPTIONS: dict[str, tuple[dict[str, Any], type[Exception], list[str]]] = {
    "patch too high": ({"patch": (17, 4)}, ValueError, ["patch is 17 x 4 pixels and the image 16 x 16", "expected a patch that fits"]),
    "patch too wide": ({"patch": (4, 17)}, ValueError, ["patch is 4 x 17 pixels and the image 16 x 16"]),
    "patch zero": ({"patch": 0}, ValueError, ["patch is 0", "expected at least 1 pixel"]),
    "patch negative": ({"patch": (4, -4)}, ValueError, ["patch is (4, -4)", "expected at least 1 pixel"]),
    "patch float": ({"patch": 4.0}, TypeError, ["patch is 4.0", "expected an int or a pair of ints (height, width)"]),
    "patch bool": ({"patch": True}, TypeError, ["patch is True", "expected an int or a pair"]),
    "patch triple": ({"patch": (3, 4, 4)}, TypeError, ["patch is (3, 4, 4)", "a pair of ints"]),
    "patch text": ({"patch": "44"}, TypeError, ["patch is '44'"]),
    "stride zero": ({"stride": 0}, ValueError, ["stride is 0", "expected at least 1 pixel"]),
    "stride negative": ({"stride": -2}, ValueError, ["stride is -2", "expected at least 1 pixel"]),
    "stride float": ({"stride": (2, 2.0)}, TypeError, ["stride is (2, 2.0)", "expected an int or a pair"]),
    "stride text": ({"stride": "far"}, TypeError, ["stride is 'far'"]),
    "stride over the patch": ({"stride": (4, 5)}, ValueError, ["stride is 4 x 5 pixels and the patch 4 x 4", "would never be covered"]),
    "batch_size zero": ({"batch_size": 0}, ValueError, ["batch_size is 0", "expected an int of at least 1, or None"]),
    "batch_size negative": ({"batch_size": -3}, ValueError, ["batch_size is -3", "at least 1"]),
    "batch_size bool": ({"batch_size": True}, TypeError, ["batch_size is True", "expected an int"]),
    "batch_size float": ({"batch_size": 8.0}, TypeError, ["batch_size is 8.0", "expected an int"]),
    "fill unknown": ({"fill": "blak"}, ValueError, ["fill is 'blak'; did you mean 'black' or 'blur'?"]),
    "fill far from all": ({"fill": "zzz"}, ValueError, ["fill is 'zzz'; expected one of black"]),
    "fill number": ({"fill": 0.5}, TypeError, ["fill is a float", "a function or a tensor"]),
    "fill nothing": ({"fill": None}, TypeError, ["fill is a NoneType"]),
    "fill shape": ({"fill": torch.zeros(4, 16, 16)}, ValueError, ["fill has shape (4, 16, 16)", "broadcasts to (3, 3, 16, 16)"]),
    "fill empty": ({"fill": torch.zeros(0)}, ValueError, ["the fill has shape (0,)", "broadcasts to"]),
    "fill range": ({"fill": torch.tensor(2.0)}, ValueError, ["the fill has values from 2 to 2", "expected pixels in [0, 1]"]),
    "fill NaN": ({"fill": torch.tensor(torch.nan)}, ValueError, ["the fill has values from nan to nan"]),
    "fill function range": ({"fill": lambda x: x - 2}, ValueError, ["the fill has values from -2 to -1"]),
    "fill function shape": ({"fill": lambda x: x[..., :4]}, ValueError, ["the fill has shape (3, 3, 16, 4)"]),
    "fill function type": ({"fill": lambda x: 0.5}, TypeError, ["the fill function returned a float", "expected a tensor like the images"]),
}  # fmt: skip


# Places may lie as far apart as one likes; a heatmap needs every pixel covered.
SPARSE = ("occlusion.occlusion_grid", "occlusion.occlusion_logits")
ASKED = [
    pair
    for pair in across(having("patch", "images"), OPTIONS)
    if (pair.values[1] != "stride over the patch" or pair.values[0] not in SPARSE)
    and (not pair.values[1].startswith("stride") or pair.values[0] in having("stride"))
]


@pytest.mark.parametrize(("routine", "name"), ASKED)
def test_options_of_occlusion(routine: str, name: str, cnn: nn.Module, images: Tensor) -> None:
    options, kind, parts = OPTIONS[name]
    images = (images * 8).round() / 8
    images[0, 0, 0, :2] = torch.tensor([0.0, 1.0])
    refused(cnn, lambda: FUNCTIONS[routine](cnn, images, **options), kind, *parts)


# A number of things: whatever routine takes one of this name refuses what is no such number, in the same words.
COUNTS = ("batch_size", "epochs", "k", "n", "samples", "seeds", "size", "steps")
BAD_COUNTS = {"zero": 0, "negative": -3, "bool": True, "float": 2.0, "text": "2", "list": [2]}


@pytest.mark.parametrize(
    ("routine_option", "name"),
    across([(routine, option) for option in COUNTS for routine in having(option)], BAD_COUNTS),
    ids=str,
)
def test_counts(routine_option: tuple[str, str], name: str, cnn: nn.Module, images: Tensor) -> None:
    (routine, option), value = routine_option, BAD_COUNTS[name]
    kind = ValueError if type(value) is int else TypeError
    refused(cnn, lambda: FUNCTIONS[routine](cnn, images, **{option: value}), kind, f"{option} is {value!r}", "expected")


@pytest.mark.parametrize("routine", having("layer"))
def test_unknown_layer(routine: str, cnn: nn.Module, images: Tensor) -> None:
    refused(
        cnn, lambda: FUNCTIONS[routine](cnn, images, layer="44"), ValueError, "there is no layer '44'", "did you mean"
    )


GRADIENTS = [name.removeprefix("gradients.") for name in having("batch_size") if name.startswith("gradients.")]
GRADIENT_OPTIONS: dict[str, tuple[list[str], dict[str, Any], type[Exception], list[str]]] = {
    "n zero": (["smoothgrad", "smoothgrad_squared", "vargrad"], {"n": 0}, ValueError, ["n is 0", "at least 1"]),
    "n float": (["smoothgrad", "smoothgrad_squared", "vargrad"], {"n": 2.0}, TypeError, ["n is 2.0", "expected an int"]),
    "sigma negative": (["smoothgrad", "vargrad"], {"sigma": -0.1}, ValueError, ["sigma is -0.1", "at least 0"]),
    "sigma NaN": (["smoothgrad", "vargrad"], {"sigma": float("nan")}, ValueError, ["sigma is nan", "at least 0"]),
    "sigma text": (["smoothgrad_squared"], {"sigma": "much"}, TypeError, ["sigma is 'much'", "expected a number"]),
    "steps zero": (["integrated_gradients"], {"steps": 0}, ValueError, ["steps is 0", "at least 1"]),
    "steps bool": (["integrated_gradients"], {"steps": True}, TypeError, ["steps is True", "expected an int"]),
    "baseline unknown": (["integrated_gradients"], {"baseline": "blak"}, ValueError, ["did you mean 'black' or 'blur'?"]),
    "baseline shape": (["integrated_gradients"], {"baseline": torch.zeros(4, 16, 16)}, ValueError, ["shape (4, 16, 16)"]),
    "baseline inpaint": (["integrated_gradients"], {"baseline": "inpaint"}, ValueError, ["depends on where a patch lies"]),
    "layer unknown": (["grad_cam"], {"layer": "conv9"}, ValueError, ["there is no layer 'conv9'"]),
    "batch_size zero": (GRADIENTS, {"batch_size": 0}, ValueError, ["batch_size is 0", "at least 1"]),
    "batch_size bool": (GRADIENTS, {"batch_size": True}, TypeError, ["batch_size is True", "expected an int"]),
    "no gradient": (
        [name for name in GRADIENTS if name != "grad_cam"],
        {"score": lambda logits, target: logits[:, 0].detach()},
        ValueError,
        ["the score has no gradient", "expected a model and a score"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", GRADIENT_OPTIONS)
def test_options_of_gradients(name: str, cnn: nn.Module, images: Tensor) -> None:
    routines, options, kind, parts = GRADIENT_OPTIONS[name]
    for routine in routines:
        call = FUNCTIONS[f"gradients.{routine}"]
        refused(cnn, lambda call=call: call(cnn, images, **options), kind, *parts)


RECONSTRUCTIONS: dict[str, tuple[dict[str, Any], type[Exception], list[str]]] = {
    "steps": ({"steps": 0}, ValueError, ["steps is 0", "expected an int of at least 1"]),
    "steps float": ({"steps": 2.0}, TypeError, ["steps is 2.0", "expected an int"]),
    "size": ({"size": 1}, ValueError, ["size is 1", "at least 2 pixels"]),
    "no size": ({"size": None}, ValueError, ["size is None", "expected the side of the pictures"]),
    "seed": ({"seed": 1.5}, TypeError, ["seed is 1.5", "expected an int, or one per picture"]),
    "seeds": ({"seed": [1, 2]}, ValueError, ["2 seeds for 3 pictures", "expected one, or one per picture"]),
    "no seeds": ({"seed": []}, TypeError, ["seed is []"]),
    "parametrisation": ({"parametrisation": "fourrier"}, ValueError, ["'fourrier'", "expected one of fourier, pixels"]),
    "shift": ({"shift": -1}, ValueError, ["shift is -1", "at least 0 pixels"]),
    "scale": ({"scale": 1.0}, ValueError, ["scale is 1.0", "a share from 0 to below 1"]),
    "rotate": ({"rotate": 200}, ValueError, ["rotate is 200", "0 to 180 degrees"]),
    "learning_rate": ({"learning_rate": 0}, ValueError, ["learning_rate is 0", "expected a positive number"]),
    "batch_size": ({"batch_size": 0}, ValueError, ["batch_size is 0", "at least 1"]),
    "layer": ({"layer": "44"}, ValueError, ["there is no layer '44'", "did you mean '4'?"]),
    "unit": ({"layer": "4", "target": 8}, ValueError, ["target contains 8", "the layer '4' has 8 units", "expected 0 to 7"]),
    "target": ({"target": torch.tensor([0, 1, 5])}, ValueError, ["target contains 5, and the model has 5 classes"]),
    "target float": ({"target": 1.0}, TypeError, ["target is a float", "expected an int"]),
    "target negative": ({"target": -1}, ValueError, ["target contains -1"]),
}  # fmt: skip


@pytest.mark.parametrize("name", RECONSTRUCTIONS)
def test_options_of_reconstruct(name: str, cnn: nn.Module) -> None:
    options, kind, parts = RECONSTRUCTIONS[name]
    options = {"target": torch.tensor([0, 3, 4]), "size": 16, "steps": 1} | options
    refused(cnn, lambda: reconstruct(cnn, **options), kind, *parts)


def test_a_layer_that_takes_no_part_is_refused(images: Tensor) -> None:
    model = nn.ModuleDict({"used": nn.Flatten(), "idle": nn.Linear(1, 1)})
    model.forward = model["used"].forward  # type: ignore[method-assign]
    refused(model, lambda: invert(model, images, "idle"), ValueError, "'idle' takes no part in the answer")


def test_options_of_moved(images: Tensor) -> None:
    with pytest.raises(ValueError, match="shift is -2; expected an int of at least 0 pixels"):
        moved(images, shift=-2)


SANITY_OPTIONS: dict[str, tuple[dict[str, Any], type[Exception], list[str]]] = {
    "order unknown": ({"order": "input_first"}, ValueError, ["order is 'input_first'", "expected one of output_first, independent"]),
    "seeds one": ({"seeds": 1}, ValueError, ["seeds is 1", "expected an int of at least 2"]),
    "seeds float": ({"seeds": 2.0}, TypeError, ["seeds is 2.0", "expected an int of at least 2"]),
    "seeds bool": ({"seeds": True}, TypeError, ["seeds is True", "expected an int"]),
    "block unknown": ({"blocks": ["44"]}, ValueError, ["there is no layer '44'"]),
    "block without parameters": ({"blocks": ["0", "2"]}, ValueError, ["the layer '2' has no parameters", "expected one that"]),
    "no block": ({"blocks": []}, ValueError, ["there is nothing to randomise", "names of layers, with parameters"]),
    "one block as text": ({"blocks": "0"}, TypeError, ["blocks is '0'", "expected several names"]),
    "calibration range": ({"calibration": torch.full((2, 3, 16, 16), 9.0)}, ValueError, ["from 9 to 9", "pixels in [0, 1]"]),
    "calibration one image": ({"calibration": torch.zeros(3, 16, 16)}, ValueError, ["shape (3, 16, 16)", "(B, C, H, W)"]),
}  # fmt: skip


@pytest.mark.parametrize("name", SANITY_OPTIONS)
def test_options_of_the_cascade(name: str, cnn: nn.Module, images: Tensor) -> None:
    options, kind, parts = SANITY_OPTIONS[name]
    refused(cnn, lambda: FUNCTIONS["sanity.cascade"](cnn, images, **options), kind, *parts)


def test_options_of_the_explorer(cnn: nn.Module, images: Tensor) -> None:
    model = Classifier(cnn)
    refused(
        cnn,
        lambda: occlusion_course.explorer(model, images, 0),
        ValueError,
        "image has shape (3, 3, 16, 16)",
        "(1, C, H, W)",
    )
    refused(
        cnn, lambda: occlusion_course.explorer(model, images[:1], 0, fill="blak"), ValueError, "did you mean 'black' or"
    )


def test_options_of_top(cnn: nn.Module, images: Tensor) -> None:
    refused(cnn, lambda: Classifier(cnn).top(images, k=0), ValueError, "k is 0", "expected an int of at least 1")
    refused(cnn, lambda: Classifier(cnn).top(images, k="five"), TypeError, "k is 'five'", "expected an int")


@pytest.mark.parametrize(("value", "expected"), [(3, (3, 3)), ((2, 5), (2, 5)), ([1, 1], (1, 1))])
def test_a_pair_from_an_int_or_two(value: Any, expected: tuple[int, int]) -> None:
    assert pair(value, "patch") == expected


def _layer(name: str) -> nn.Module:
    """Return a layer that answers differently in training mode, by the name of its class."""
    if name in ("DropPath", "StochasticDepth"):
        from timm.layers import DropPath
        from torchvision.ops import StochasticDepth

        return DropPath(0.5) if name == "DropPath" else StochasticDepth(0.5, "row")
    return {
        "BatchNorm2d": nn.BatchNorm2d(3),
        "Dropout": nn.Dropout(0.5),
        "Dropout2d": nn.Dropout2d(0.5),
        "RReLU": nn.RReLU(),
    }[name]


LAYERS = ("Dropout", "BatchNorm2d", "Dropout2d", "RReLU", "DropPath", "StochasticDepth")


@pytest.mark.parametrize(("routine", "name"), across([name for name in MODELS if name not in TRAINING], LAYERS))
def test_training_mode(routine: str, name: str, images: Tensor) -> None:
    network = nn.Sequential(_layer(name), nn.Flatten(), nn.Linear(768, 5)).eval()
    network[0].train()  # the layer alone, as half-hearted code leaves it
    layer = "'network.0'" if "Classifier" in routine or "explorer" in routine else "'0'"
    refused(
        network,
        lambda: ROUTINES[routine](network, images[:1]),
        ValueError,
        f"the layer {layer} ({name}) is in training mode",
        "call model.eval() first",
    )


def test_training_mode_of_a_model_that_is_one_layer() -> None:
    with pytest.raises(ValueError, match=r"the layer 'model' \(Dropout\)"):
        check_eval(nn.Dropout(0.5))


@pytest.mark.parametrize(
    "layer", [nn.MultiheadAttention(4, 2, dropout=0.1), nn.LSTM(3, 3, 2, dropout=0.1)], ids=["attention", "LSTM"]
)
def test_training_mode_of_layers_that_drop_inside(layer: nn.Module) -> None:
    with pytest.raises(ValueError, match=type(layer).__name__):
        check_eval(layer)


@pytest.mark.parametrize(
    "routine", [n for n in MODELS if n not in TRAINING and not n.startswith(("nets.", "networks.", "attention."))]
)
def test_training_mode_that_changes_nothing_is_accepted(routine: str, images: Tensor) -> None:
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3),
        nn.GroupNorm(2, 4),
        nn.InstanceNorm2d(4),
        nn.ReLU(),
        nn.Dropout(0.0),
        nn.Flatten(),
        nn.Linear(784, 5),
    ).train()
    with unchanged(network):
        ROUTINES[routine](network, images[:1])
    assert network.training


class Answers(nn.Module):
    """A model that answers whatever `make` makes of its logits (B, 5)."""

    def __init__(self, make: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.ReLU(), nn.Linear(768, 5))
        self.make = make

    def forward(self, images: Tensor) -> Any:
        return self.make(self.body(images))


LOGITS: dict[str, tuple[Callable[[Tensor], Any], str]] = {
    "a tuple": (lambda x: (x, x), "the model returned a tuple for 3 images"),
    "a dictionary": (lambda x: {"logits": x}, "the model returned a dict for 3 images"),
    "a map": (lambda x: x[:, :, None, None], "the model returned shape (3, 5, 1, 1) for 3 images"),
    "one number": (lambda x: x[:, 0], "the model returned shape (3,) for 3 images"),
    "too few": (lambda x: x[:2], "the model returned shape (2, 5) for 3 images"),
}


@pytest.mark.parametrize(("routine", "name"), across(ANSWERERS, LOGITS))
def test_models_that_return_no_logits(routine: str, name: str, images: Tensor) -> None:
    make, part = LOGITS[name]
    model = Answers(make).eval()
    refused(model, lambda: ROUTINES[routine](model, images), ValueError, part, "expected logits of shape (B, K)")


def test_an_unknown_photo() -> None:
    with pytest.raises(ValueError, match=r"there is no photo 'cofee'; did you mean 'coffee'\?"):
        data.photo("cofee")
    with pytest.raises(ValueError, match=r"there is no photo 'zzz'; expected one of astronaut, cameraman, cat"):
        data.photo("zzz")


def test_an_unknown_model() -> None:
    for routine in (models.load, models.fetch, models.weights_file):
        with pytest.raises(ValueError, match=r"there is no model 'resnet81'; did you mean 'resnet18'"):
            routine("resnet81")
    with pytest.raises(ValueError, match=r"there is no model '###'; expected one of efficientnet_lite0, .*resnet18"):
        models.load("###")


def test_an_unknown_class(cnn: nn.Module) -> None:
    model = Classifier(cnn, classes=["cat", "dog", "crane", "crane", "cup"], name="small")
    assert model.index("cup") == 4
    refused(cnn, lambda: model.index("cta"), ValueError, "small has no class 'cta'; did you mean 'cat'")
    refused(cnn, lambda: model.index("??"), ValueError, "expected one of cat, dog, crane, crane, cup")
    with pytest.raises(ValueError, match=re.escape("'crane' is the name of the classes [2, 3]")):
        model.index("crane")
