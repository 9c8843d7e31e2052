"""Occlusion against answers computed by hand, against Captum, and against the mistakes that other libraries make."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from captum.attr import Occlusion
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from tests.state import state, unchanged
from vislib import fills
from vislib.explain import Score, logit, probability
from vislib.occlusion import occlusion, occlusion_grid, occlusion_logits


class Linear(nn.Module):
    """Two classes: the weighted sum of the pixels, and minus half of it."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)

    def forward(self, images: Tensor) -> Tensor:
        total = (images * self.weight).sum((1, 2, 3))
        return torch.stack([total, -total / 2], 1)


def _counting(height: int, width: int) -> tuple[Linear, Tensor, int]:
    """Return the sum of pixels, an image of 0, 1, 2, …, and by what these were divided: a power of two, so no rounding."""
    pixels = torch.arange(height * width) / 32
    return Linear(torch.ones(1, height, width)), pixels.reshape(1, 1, height, width), 32


def _by_hand(result: Tensor, times: int, expected: list[list[float]]) -> None:
    assert (result * times).tolist() == [expected]


def test_patches_side_by_side() -> None:
    model, image, times = _counting(4, 4)
    options: dict[str, Any] = {"patch": 2, "stride": 2, "fill": "black", "score": logit}
    _by_hand(occlusion_grid(model, image, 0, **options), times, [[10, 18], [42, 50]])
    _by_hand(
        occlusion(model, image, 0, **options),
        times,
        [[10, 10, 18, 18], [10, 10, 18, 18], [42, 42, 50, 50], [42, 42, 50, 50]],
    )


def test_the_other_class_has_its_own_drop() -> None:
    model, image, times = _counting(4, 4)
    grid = occlusion_grid(model, image, 1, patch=2, stride=2, fill="black", score=logit)
    _by_hand(grid, times, [[-5, -9], [-21, -25]])


def test_overlapping_patches_are_averaged_not_summed() -> None:
    model, image, times = _counting(4, 4)
    options: dict[str, Any] = {"patch": 2, "stride": 1, "fill": "black", "score": logit}
    _by_hand(occlusion_grid(model, image, 0, **options), times, [[10, 14, 18], [26, 30, 34], [42, 46, 50]])
    _by_hand(
        occlusion(model, image, 0, **options),
        times,
        [[10, 12, 16, 18], [18, 20, 24, 26], [34, 36, 40, 42], [42, 44, 48, 50]],
    )


def test_the_centre_does_not_look_more_important() -> None:
    """Where every patch matters equally the map is flat; sums would peak in the middle."""
    model = Linear(torch.ones(1, 7, 7))
    heat = occlusion(model, torch.ones(1, 1, 7, 7), 0, patch=3, stride=1, fill="black", score=logit)
    torch.testing.assert_close(heat, torch.full((1, 7, 7), 9.0))


def test_the_last_patch_is_flush_with_the_border() -> None:
    model, image, times = _counting(4, 5)
    options: dict[str, Any] = {"patch": 2, "stride": 2, "fill": "black", "score": logit}
    _by_hand(occlusion_grid(model, image, 0, **options), times, [[12, 20, 24], [52, 60, 64]])
    _by_hand(
        occlusion(model, image, 0, **options),
        times,
        [[12, 12, 20, 22, 24], [12, 12, 20, 22, 24], [52, 52, 60, 62, 64], [52, 52, 60, 62, 64]],
    )


def test_rows_at_the_border_too() -> None:
    model, image, times = _counting(5, 4)
    grid = occlusion_grid(model, image, 0, patch=2, stride=2, fill="black", score=logit)
    _by_hand(grid, times, [[10, 18], [42, 50], [58, 66]])


def test_height_comes_before_width() -> None:
    model, image, times = _counting(2, 5)
    options: dict[str, Any] = {"patch": (1, 3), "stride": (1, 2), "fill": "black", "score": logit}
    _by_hand(occlusion_grid(model, image, 0, **options), times, [[3, 9], [18, 24]])
    _by_hand(occlusion(model, image, 0, **options), times, [[3, 3, 6, 9, 9], [18, 18, 21, 24, 24]])


def test_a_patch_as_large_as_the_image() -> None:
    model, image, times = _counting(3, 4)
    heat = occlusion(model, image, 0, patch=(3, 4), stride=1, fill="black", score=logit)
    _by_hand(heat, times, [[66] * 4] * 3)


@pytest.mark.parametrize(("size", "patch", "stride"), [(16, 5, 3), (16, 7, 7), (15, 4, 4), (9, 8, 8), (5, 1, 1)])
def test_every_pixel_is_covered(size: int, patch: int, stride: int) -> None:
    model, image = Linear(torch.ones(1, size, size)), torch.ones(1, 1, size, size)
    heat = occlusion(model, image, 0, patch=patch, stride=stride, fill="black", score=logit)
    torch.testing.assert_close(heat, torch.full((1, size, size), float(patch**2)))


@pytest.mark.parametrize(("row", "column"), [(0, 0), (0, 3), (3, 0), (3, 3)])
def test_a_patch_hides_what_is_under_it_and_nothing_across_the_border(row: int, column: int) -> None:
    """One pixel matters: only patches over it count. Keeping the window, or wrapping round, would mark others."""
    weight = torch.zeros(1, 4, 4)
    weight[0, row, column] = 1
    grid = occlusion_grid(Linear(weight), torch.ones(1, 1, 4, 4), 0, patch=2, stride=1, fill="black", score=logit)
    expected = torch.zeros(1, 3, 3)
    expected[0, min(row, 2), min(column, 2)] = 1
    assert torch.equal(grid, expected)


def _naive(weight: Tensor, image: Tensor, fill: float, patch: tuple[int, int], stride: tuple[int, int]) -> Tensor:
    """Return the heatmap (H, W) of a linear model, pixel by pixel, as the docstring says it."""
    height, width = image.shape
    starts = [
        sorted({*range(0, size - p + 1, s), size - p})
        for size, p, s in ((height, patch[0], stride[0]), (width, patch[1], stride[1]))
    ]
    heat = torch.zeros(height, width, dtype=image.dtype)
    for i in range(height):
        for j in range(width):
            drops = [
                float((weight * (image - fill))[a : a + patch[0], b : b + patch[1]].sum())
                for a in starts[0]
                for b in starts[1]
                if a <= i < a + patch[0] and b <= j < b + patch[1]
            ]
            heat[i, j] = sum(drops) / len(drops)
    return heat


@st.composite
def _cases(draw: st.DrawFn) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int], int | None]:
    height, width = draw(st.integers(1, 7)), draw(st.integers(1, 7))
    h, w = draw(st.integers(1, height)), draw(st.integers(1, width))
    down, right = draw(st.integers(1, h)), draw(st.integers(1, w))
    return (height, width), (h, w), (down, right), draw(st.sampled_from([None, 1, 4]))


@given(_cases())
@settings(max_examples=60, deadline=None)
def test_any_size_is_what_the_docstring_says(case: Any) -> None:
    (height, width), patch, stride, batch_size = case
    drawn = torch.rand(2, height, width, generator=torch.Generator().manual_seed(height * 8 + width)).double()
    weight, image = drawn[0] - 0.5, drawn[1]
    heat = occlusion(
        Linear(weight[None]),
        image[None, None],
        0,
        patch=patch,
        stride=stride,
        fill=torch.tensor(0.25),
        score=logit,
        batch_size=batch_size,
    )
    torch.testing.assert_close(heat[0], _naive(weight, image, 0.25, patch, stride), rtol=0, atol=1e-12)


@pytest.fixture(scope="module")
def resnet() -> nn.Module:
    from torchvision.models import resnet18

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return resnet18(num_classes=5).eval()


@pytest.mark.parametrize(("patch", "stride"), [((4, 4), (4, 4)), ((4, 6), (3, 5))])
@pytest.mark.parametrize("score", [logit, probability])
@pytest.mark.parametrize("fill", ["black", "mean"])
def test_captum_agrees(
    fill: str, score: Score, patch: tuple[int, int], stride: tuple[int, int], cnn: nn.Module, images: Tensor
) -> None:
    _agrees_with_captum(cnn, images, fill, score, patch, stride)


@pytest.mark.parametrize(("fill", "score"), [("black", logit), ("mean", probability)])
def test_captum_agrees_on_a_resnet(fill: str, score: Score, resnet: nn.Module) -> None:
    images = torch.rand(3, 3, 24, 24, generator=torch.Generator().manual_seed(2))
    _agrees_with_captum(resnet, images, fill, score, (8, 8), (8, 8))


def _agrees_with_captum(
    model: nn.Module, images: Tensor, fill: str, score: Score, patch: tuple[int, int], stride: tuple[int, int]
) -> None:
    """Compare where the windows fit: Captum cuts its last window, and this course moves it to the border."""
    target = torch.tensor([3, 0, 4])
    baseline = {"black": torch.zeros_like(images), "mean": images.mean((2, 3), keepdim=True).expand_as(images)}[fill]
    forward = model if score is logit else lambda x: model(x).softmax(1)
    with torch.no_grad():
        theirs = Occlusion(forward).attribute(
            images, (3, *patch), strides=(3, *stride), target=target, baselines=baseline, perturbations_per_eval=8
        )
    ours = occlusion(model, images, target, patch=patch, stride=stride, fill=fill, score=score)
    assert float(ours.abs().max()) > 1e-4  # or zero would agree with anything near zero
    torch.testing.assert_close(ours, theirs[:, 0], rtol=0, atol=1e-5)


@pytest.mark.parametrize("batch_size", [1, 2, 7, 1000])
def test_the_batch_size_does_not_matter(batch_size: int, cnn: nn.Module, images: Tensor) -> None:
    target = torch.tensor([3, 0, 4])
    expected = occlusion(cnn, images, target, patch=5, stride=3)
    result = occlusion(cnn, images, target, patch=5, stride=3, batch_size=batch_size)
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("fill", fills.FILLS)
def test_the_batch_an_image_is_in_does_not_matter(fill: str, cnn: nn.Module, images: Tensor) -> None:
    target = torch.tensor([3, 0, 4])
    together = occlusion(cnn, images, target, patch=5, stride=3, fill=fill)
    for b in range(3):
        alone = occlusion(cnn, images[b : b + 1], int(target[b]), patch=5, stride=3, fill=fill)
        torch.testing.assert_close(alone[0], together[b], rtol=0, atol=1e-6)


def _watch(model: nn.Module, note: Callable[[Tensor], Any]) -> list[Any]:
    """Note something of every batch that the model is given."""
    noted: list[Any] = []
    model.register_forward_pre_hook(lambda module, inputs: noted.append(note(inputs[0])))
    return noted


@pytest.mark.parametrize("batch_size", [1, 2, 6])
def test_the_batch_size_bounds_the_images_in_flight(batch_size: int, cnn: nn.Module, images: Tensor) -> None:
    sizes = _watch(cnn, len)
    occlusion(cnn, images, 0, patch=8, stride=4, batch_size=batch_size)
    assert max(sizes) <= batch_size
    assert sum(sizes) >= 3 * 9


def test_a_safe_batch_size_is_chosen_for_large_images() -> None:
    model = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1, 2))
    sizes = _watch(model, len)
    occlusion(model, torch.zeros(1, 1, 448, 448), 0, patch=64, stride=64)
    assert 1 <= max(sizes) <= 8


def test_one_target_for_all_is_the_same_as_one_each(cnn: nn.Module, images: Tensor) -> None:
    one = occlusion(cnn, images, 2, patch=5, stride=3)
    assert torch.equal(one, occlusion(cnn, images, torch.tensor([2, 2, 2]), patch=5, stride=3))


def test_the_score_is_any_function(cnn: nn.Module, images: Tensor) -> None:
    def margin(logits: Tensor, target: Tensor) -> Tensor:
        return 3 * logit(logits, target) - logits.sum(1)

    target = torch.tensor([3, 0, 4])
    options: dict[str, Any] = {"patch": 5, "stride": 3}
    total = sum(occlusion(cnn, images, k, score=logit, **options) for k in range(5))
    expected = 3 * occlusion(cnn, images, target, score=logit, **options) - total
    torch.testing.assert_close(occlusion(cnn, images, target, score=margin, **options), expected, rtol=0, atol=1e-5)


def test_the_score_is_the_probability_unless_given(cnn: nn.Module, images: Tensor) -> None:
    given_ = occlusion(cnn, images, 1, patch=5, stride=3, score=probability)
    assert torch.equal(occlusion(cnn, images, 1, patch=5, stride=3), given_)
    assert not torch.allclose(occlusion(cnn, images, 1, patch=5, stride=3, score=logit), given_)


@pytest.mark.parametrize("score", [logit, probability])
def test_the_logits_of_all_classes_give_the_grid(score: Score, cnn: nn.Module, images: Tensor) -> None:
    target = torch.tensor([3, 0, 4])
    clean, covered = occlusion_logits(cnn, images, patch=5, stride=3)
    assert clean.shape == (3, 5)
    assert covered.shape == (3, 5, 5, 5)
    with torch.no_grad():
        torch.testing.assert_close(clean, cnn(images), rtol=0, atol=1e-6)
    flat = score(covered.flatten(0, 2), target.repeat_interleave(25)).reshape(3, 5, 5)
    grid = occlusion_grid(cnn, images, target, patch=5, stride=3, score=score)
    torch.testing.assert_close(score(clean, target)[:, None, None] - flat, grid, rtol=0, atol=1e-6)


def test_one_position_is_what_the_model_says_of_that_copy(cnn: nn.Module, images: Tensor) -> None:
    copy = images.clone()
    copy[:, :, 6:11, 9:14] = 1
    covered = occlusion_logits(cnn, images, patch=5, stride=3, fill="white")[1]
    with torch.no_grad():
        torch.testing.assert_close(covered[:, 2, 3], cnn(copy), rtol=0, atol=1e-6)


@pytest.mark.parametrize("batch_size", [1, 4, None])
def test_the_drop_is_exactly_zero_where_the_patch_changes_nothing(
    batch_size: int | None, cnn: nn.Module, images: Tensor
) -> None:
    images[:, :, :, :8] = 0
    grid = occlusion_grid(cnn, images, 0, patch=4, stride=4, fill="black", batch_size=batch_size)
    assert torch.equal(grid[:, :, :2], torch.zeros(3, 4, 2))
    assert bool((grid[:, :, 2:] != 0).all())


def test_the_image_itself_as_fill_changes_nothing(cnn: nn.Module, images: Tensor) -> None:
    assert not occlusion(cnn, images, 0, patch=5, stride=3, fill=lambda x: x).any()


def test_grey_images_and_doubles(images: Tensor) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(256, 2)).double()
    heat = occlusion(model, images[:, :1].double(), 1, patch=5, stride=3)
    assert heat.shape == (3, 16, 16)
    assert heat.dtype == torch.float64


class Fails(nn.Module):
    """A model that raises at its second call."""

    def __init__(self, network: nn.Module, error: BaseException) -> None:
        super().__init__()
        self.network, self.error, self.calls = network, lambda: error, 0  # a copy raises the same error

    def forward(self, images: Tensor) -> Tensor:
        self.calls += 1
        if self.calls >= 2:
            raise self.error()
        result: Tensor = self.network(images)
        return result


OCCLUDERS: dict[str, Callable[[nn.Module, Tensor], Any]] = {
    "occlusion": lambda model, images: occlusion(model, images, 0, patch=5, stride=3, fill="noise"),
    "occlusion_grid": lambda model, images: occlusion_grid(model, images, 0, patch=5, stride=3, fill="blur"),
    "occlusion_logits": lambda model, images: occlusion_logits(model, images, patch=5, stride=3, fill="mean"),
}


@pytest.mark.parametrize("name", OCCLUDERS)
def test_the_model_and_the_images_stay_as_they_were(name: str, cnn: nn.Module, images: Tensor) -> None:
    cnn[0].requires_grad_(False)
    cnn[5].train()  # a ReLU, whose mode matters to nobody
    before = images.clone()
    with unchanged(cnn):
        OCCLUDERS[name](cnn, images)
    assert torch.equal(images, before)


@pytest.mark.parametrize("error", [RuntimeError("out of memory"), KeyboardInterrupt()], ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("name", OCCLUDERS)
def test_also_after_an_error_or_an_interrupt(name: str, error: BaseException, cnn: nn.Module, images: Tensor) -> None:
    model = Fails(cnn, error)
    model.eval()
    before, pixels = state(model), images.clone()
    with pytest.raises(type(error)) as caught:
        OCCLUDERS[name](model, images)
    assert caught.value is error
    assert state(model) == before
    assert torch.equal(images, pixels)


def test_no_autograd_graph(cnn: nn.Module, images: Tensor) -> None:
    graphs = _watch(cnn, lambda batch: torch.is_grad_enabled() or batch.requires_grad)
    images.requires_grad_(True)
    for name in OCCLUDERS:
        result = OCCLUDERS[name](cnn, images)
        assert not any(t.requires_grad for t in (result if isinstance(result, tuple) else [result]))
    assert graphs
    assert not any(graphs)
    assert torch.is_grad_enabled()


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
    occlusion(cnn, images, 0, patch=8, stride=8)
    assert capfd.readouterr().err == ""
    occlusion(cnn, images, 0, patch=8, stride=8, progress=True)
    assert ("occlusion" in capfd.readouterr().err) == shown
