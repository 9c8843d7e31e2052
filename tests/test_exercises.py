"""Each checker tells not attempted, wrong and why, and right apart."""

import importlib
import math
import pkgutil
from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from vislib import course
from vislib.course import (
    activation_tsne,
    explanation_taxonomy,
    frame,
    gradients,
    input_reconstruction,
    occlusion,
    review,
    roar,
    sanity_checks,
    start_here,
    weight_pca,
)
from vislib.course.verdict import NOT_YET, Verdict
from vislib.fills import FILLS, gaussian


def _spread(drops: Tensor, size: int, patch: int, stride: int) -> Tensor:
    total, count = torch.zeros(size, size), torch.zeros(size, size)
    for i in range(len(drops)):
        for j in range(len(drops)):
            window = (slice(i * stride, i * stride + patch), slice(j * stride, j * stride + patch))
            total[window] += drops[i, j]
            count[window] += 1
    return total / count


def _summed(drops: Tensor, size: int, patch: int, stride: int) -> Tensor:
    return _spread(drops, size, patch, stride) * _spread_count(drops, size, patch, stride)


def _spread_count(drops: Tensor, size: int, patch: int, stride: int) -> Tensor:
    starts = torch.arange(len(drops))[:, None] * stride
    covers = ((torch.arange(size) >= starts) & (torch.arange(size) < starts + patch)).float()
    return covers.sum(0)[:, None] * covers.sum(0)


def _short(drops: Tensor, size: int, patch: int, stride: int) -> Tensor:
    heat = _spread(drops, size, patch, stride)
    heat[-1] = 0
    return heat


def _one_pixel_off(drops: Tensor, size: int, patch: int, stride: int) -> Tensor:
    heat = _spread(drops, size, patch, stride)
    heat[1, 5] += 1
    return heat


def _unknown(drops: Tensor, size: int, patch: int, stride: int) -> Tensor:
    heat = _spread(drops, size, patch, stride)
    heat[4, 0] = torch.nan
    return heat


def _changes_its_input(drops: Tensor, size: int, patch: int, stride: int) -> Tensor:
    heat = _spread(drops, size, patch, stride)
    drops.zero_()
    return heat


def _raises(*_: Any) -> Tensor:
    raise IndexError("index 7 is out of bounds")


SPREAD: list[tuple[Callable[..., Any], str, str]] = [
    (_spread, "right", "every pixel has the mean of the patches that cover it"),
    (lambda *a: _spread(*a).double(), "right", "Right"),
    (_changes_its_input, "right", "Right"),
    (lambda *a: None, "not attempted", "replace the line `return None`"),
    (_summed, "wrong", "You add the drops up"),
    (lambda *a: _spread(*a).T, "wrong", "mirrored at the diagonal"),
    (_short, "wrong", "Your last row of pixels is never covered"),
    (_one_pixel_off, "wrong", "At pixel (1, 5) expected 2, and yours is 3."),
    (_unknown, "wrong", "At pixel (4, 0) expected 4.5, and yours is nan."),
    (lambda *a: _spread(*a) * 1.001, "wrong", "At pixel (5, 5) expected 8, and yours is 8.008."),
    (lambda *a: _spread(*a)[None], "wrong", "has shape (1, 7, 7); expected (7, 7)"),
    (lambda *a: 3, "wrong", "returns a int; expected a tensor"),
    (lambda *a: _spread(*a).numpy(), "wrong", "returns a ndarray; expected a tensor"),
    (_raises, "wrong", "Your function raises IndexError: index 7 is out of bounds"),
    (lambda drops: drops, "wrong", "Your function raises TypeError"),
]


@pytest.mark.parametrize(("function", "state", "part"), SPREAD)
def test_spread(function: Callable[..., Any], state: str, part: str) -> None:
    verdict = occlusion.check_spread(function)
    assert verdict.state == state
    assert part in verdict.message


def _brightens_in_place(images: Tensor) -> Tensor:
    return images.mul_(0.5)


FILL: list[tuple[Callable[..., Any], str, str]] = [
    (lambda x: 1 - x, "right", "can go straight into `occlusion(..., fill=...)`"),
    (lambda x: None, "not attempted", "replace the line `return None`"),
    (lambda x: x.flip(2), "right", "Right"),
    (lambda x: torch.full_like(x, 0.3), "right", "Right"),
    (lambda x: (x + 0.02).clamp(0, 1), "wrong", "nearly the image itself"),
    (lambda x: 0.5 * x, "wrong", "nearly the image itself"),
    (lambda x: x.flip(0), "wrong", "nearly the image itself"),  # another image of the batch, which has one
    (lambda x: x, "wrong", "nearly the image itself"),
    (lambda x: (x + 0.001).clamp(0, 1), "wrong", "nearly the image itself"),
    (_brightens_in_place, "wrong", "changes the images themselves"),
    (lambda x: 2 * x, "wrong", "leaves the pixel range"),
    (lambda x: -x, "wrong", "leaves the pixel range"),
    (lambda x: x * torch.nan, "wrong", "leaves the pixel range"),
    (lambda x: torch.zeros_like(x, dtype=torch.uint8), "wrong", "expected floating point values in [0, 1]"),
    (lambda x: x.mean((2, 3), keepdim=True), "wrong", "has shape (1, 3, 1, 1); expected (1, 3, 224, 224)"),
    (lambda x: 0.5, "wrong", "returns a float; expected a tensor"),
    (_raises, "wrong", "Your function raises IndexError"),
]


@pytest.mark.parametrize(("function", "state", "part"), FILL)
def test_own_fill(function: Callable[..., Any], state: str, part: str) -> None:
    verdict = occlusion.check_own_fill(function)
    assert verdict.state == state
    assert part in verdict.message


@pytest.mark.parametrize("name", FILLS)
def test_a_fill_of_the_list_is_not_ones_own(name: str) -> None:
    assert f"{name!r}, which is in the list" in occlusion.check_own_fill(FILLS[name]).message


def test_an_interrupt_is_not_an_answer() -> None:
    def waits(*_: Any) -> Tensor:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        occlusion.check_own_fill(waits)


def test_a_verdict_shows_itself_as_one_line() -> None:
    assert repr(Verdict("right", "Right.")) == str(Verdict("right", "Right.")) == "✓ Right."
    assert str(Verdict("wrong", "No.")) == "✗ No."
    assert str(NOT_YET).startswith("… Not attempted yet")


def _shares(values: Tensor) -> Tensor:
    return values / values.sum()


def _near(x: Tensor, k: int, first: int = 1) -> Tensor:
    return torch.cdist(x, x).argsort(1)[:, first : first + k]


def _kept(before: Tensor, after: Tensor, k: int, first: int = 1) -> float:
    old, new = (_near(p, k, first) for p in (before, after))
    return (old[:, :, None] == new[:, None, :]).any(2).float().mean().item()


def _rows(weights: Tensor, members: Tensor) -> Tensor:
    return (weights[members] - weights[members].mean(0)).norm(dim=1)


def _raise(*arguments: Any) -> None:
    raise RuntimeError("oh")


MAPS: list[tuple[Callable[[Any], Verdict], Callable[..., Any], str, str]] = [
    (weight_pca.check_explained, lambda x: _shares(torch.linalg.svdvals(x - x.mean(0)) ** 2), "right", "squares"),
    (weight_pca.check_explained, lambda x: _shares(torch.linalg.svdvals(x) ** 2), "wrong", "subtracted the mean"),
    (
        weight_pca.check_explained,
        lambda x: _shares(torch.linalg.svdvals(x - x.mean(0))),
        "wrong",
        "a variance is a square",
    ),
    (weight_pca.check_explained, lambda x: torch.linalg.svdvals(x - x.mean(0)) ** 2, "wrong", "divide by their sum"),
    (weight_pca.check_explained, lambda x: torch.ones(5) / 5, "wrong", "yours is 0.200"),
    (weight_pca.check_explained, lambda x: torch.ones(4), "wrong", "expected (5,)"),
    (weight_pca.check_explained, lambda x: None, "not attempted", "return None"),
    (weight_pca.check_explained, _raise, "wrong", "RuntimeError: oh"),
    (weight_pca.check_typical, lambda w, m: m[_rows(w, m).argmin()].item(), "right", "closest"),
    (weight_pca.check_typical, lambda w, m: m[_rows(w, m).argmin()], "right", "closest"),
    (weight_pca.check_typical, lambda w, m: _rows(w, m).argmin().item(), "wrong", "position"),
    (weight_pca.check_typical, lambda w, m: (w - w[m].mean(0)).norm(dim=1).argmin().item(), "wrong", "not a member"),
    (weight_pca.check_typical, lambda w, m: m[(w[m] - w.mean(0)).norm(dim=1).argmin()].item(), "wrong", "all classes"),
    (weight_pca.check_typical, lambda w, m: m[w[m].norm(dim=1).argmin()].item(), "wrong", "You compare lengths"),
    (
        weight_pca.check_typical,
        lambda w, m: m[torch.cdist(w[m], w[m]).sum(0).argmin()].item(),
        "wrong",
        "Expected class",
    ),
    (
        weight_pca.check_typical,
        lambda w, m: m[(w[m] - w[m].median(0).values).norm(dim=1).argmin()],
        "wrong",
        "Expected class",
    ),
    (weight_pca.check_typical, lambda w, m: "dog", "wrong", "returns a str"),
    (weight_pca.check_typical, lambda w, m: None, "not attempted", "return None"),
    (activation_tsne.check_support, lambda x, y, k: (y[_near(x, k)] == y[:, None]).float().mean(1), "right", "alone"),
    (
        activation_tsne.check_support,
        lambda x, y, k: (y[_near(x, k, 0)] == y[:, None]).float().mean(1),
        "wrong",
        "itself",
    ),
    (activation_tsne.check_support, lambda x, y, k: (y[_near(x, k)] == y[:, None]).sum(1), "wrong", "share"),
    (
        activation_tsne.check_support,
        lambda x, y, k: (y[_near(x, k, len(x) - k)] == y[:, None]).float().mean(1),
        "wrong",
        "farthest",
    ),
    (activation_tsne.check_support, lambda x, y, k: torch.zeros(20), "wrong", "first point"),
    (activation_tsne.check_support, lambda x, y, k: None, "not attempted", "return None"),
    (activation_tsne.check_kept, _kept, "right", "every neighbour"),
    (activation_tsne.check_kept, lambda a, b, k: _kept(a, b, k, 0), "wrong", "its own neighbour"),
    (activation_tsne.check_kept, lambda a, b, k: _kept(a, b, k) * k * len(a), "wrong", "divide"),
    (activation_tsne.check_kept, lambda a, b, k: 0.123, "wrong", "yours is 0.123"),
    (activation_tsne.check_kept, lambda a, b, k: [1], "wrong", "returns a list"),
    (activation_tsne.check_kept, lambda a, b, k: None, "not attempted", "return None"),
]


@pytest.mark.parametrize(("checker", "attempt", "state", "message"), MAPS)
def test_checkers_of_the_maps(checker: Any, attempt: Any, state: str, message: str) -> None:
    verdict = checker(attempt)
    assert verdict.state == state, verdict
    assert message in verdict.message


def _top(heat: Tensor, share: float) -> Tensor:
    flat = heat.flatten(1)
    place = flat.argsort(1, descending=True).argsort(1)
    return (place < round(share * flat.shape[1])).reshape(heat.shape)[:, None]


def _but_one_channel(x: Tensor, h: Tensor, f: float, c: Tensor) -> Tensor:
    changed = torch.where(_top(h, f), x, c)
    changed[:, 2] = c[2]
    return changed


def _difference(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    return (a - b).mean(), (a - b).std() / len(a) ** 0.5


ROAR: list[tuple[Callable[[Any], Verdict], Callable[..., Any], str, str]] = [
    (roar.check_keep_top, lambda x, h, f, c: torch.where(_top(h, f), x, c), "right", "in all channels at once"),
    (roar.check_keep_top, lambda x, h, f, c: torch.where(_top(-h, f), x, c), "wrong", "ranked lowest"),
    (roar.check_keep_top, lambda x, h, f, c: torch.where(_top(h, f), c, x), "wrong", "that is ROAR"),
    (roar.check_keep_top, lambda x, h, f, c: torch.where(_top(h, 1 - f), x, c), "wrong", "The fraction is what stays"),
    (roar.check_keep_top, lambda x, h, f, c: torch.where(_top(h, f), x, 0.0), "wrong", "You fill with black"),
    (roar.check_keep_top, lambda x, h, f, c: torch.where(_top(h, f), x, c.mean()), "wrong", "one for each channel"),
    (
        roar.check_keep_top,
        lambda x, h, f, c: torch.where((h >= h.flatten().sort(descending=True).values[11])[:, None], x, c),
        "wrong",
        "one threshold for the whole batch",
    ),
    (roar.check_keep_top, lambda x, h, f, c: x, "wrong", "as they were"),
    (roar.check_keep_top, lambda x, h, f, c: torch.where(_top(h, 0.2), x, c), "wrong", "You keep 4 and 4 pixels"),
    (roar.check_keep_top, _but_one_channel, "wrong", "You keep 0 and 0 pixels"),
    (roar.check_keep_top, lambda x, h, f, c: x[:, 0], "wrong", "expected (2, 3, 4, 5)"),
    (roar.check_keep_top, lambda x, h, f, c: None, "not attempted", "return None"),
    (roar.check_keep_top, _raise, "wrong", "RuntimeError: oh"),
    (roar.check_paired, _difference, "right", "cancels"),
    (roar.check_paired, lambda a, b: torch.stack(_difference(a, b)), "right", "cancels"),
    (roar.check_paired, lambda a, b: _difference(b, a), "wrong", "mine minus random"),
    (
        roar.check_paired,
        lambda a, b: ((a - b).mean(), ((a.var() + b.var()) / len(a)) ** 0.5),
        "wrong",
        "two independent samples",
    ),
    (roar.check_paired, lambda a, b: ((a - b).mean(), (a - b).std()), "wrong", "standard deviation of one difference"),
    (
        roar.check_paired,
        lambda a, b: ((a - b).mean(), (a - b).std(correction=0) / len(a) ** 0.5),
        "wrong",
        "divide by n - 1",
    ),
    (roar.check_paired, lambda a, b: ((a - b).mean(), 0.5), "wrong", "yours are -0.0400 and 0.5000"),
    (roar.check_paired, lambda a, b: (a - b).mean(), "wrong", "expected (2,)"),
    (roar.check_paired, lambda a, b: None, "not attempted", "return None"),
]


@pytest.mark.parametrize(("checker", "attempt", "state", "message"), ROAR)
def test_checkers_of_roar(checker: Any, attempt: Any, state: str, message: str) -> None:
    verdict = checker(attempt)
    assert verdict.state == state, verdict
    assert message in verdict.message


def _cover(image: Tensor, top: int, left: int, height: int, width: int) -> Tensor:
    copy = image.clone()
    copy[:, :, top : top + height, left : left + width] = 0
    return copy


def _cover_in_place(image: Tensor, top: int, left: int, height: int, width: int) -> Tensor:
    image[:, :, top : top + height, left : left + width] = 0
    return image


def _colourful(images: Tensor) -> Tensor:
    return gaussian((images.amax(1) - images.amin(1))[:, None], 3.0)[:, 0]


START: list[tuple[Callable[[Any], Verdict], Callable[..., Any], str, str]] = [
    (start_here.check_cover, _cover, "right", "black where you asked for it"),
    (start_here.check_cover, _cover_in_place, "wrong", "changes the image itself"),
    (start_here.check_cover, lambda x, *_: x.clone(), "wrong", "nothing is covered"),
    (start_here.check_cover, lambda x, t, c, h, w: _cover(x, c, t, w, h), "wrong", "turned"),
    (start_here.check_cover, lambda x, t, c, h, w: _cover(x, t, c, h - t, w - c), "wrong", "ends at `height`"),
    (start_here.check_cover, lambda x, t, c, h, w: _cover(x, t, c, h, w + 1), "wrong", "row 3, column 7 is not"),
    (start_here.check_cover, lambda x, *_: x[0], "wrong", "expected (1, 3, 9, 11)"),
    (start_here.check_smallest, lambda: (154, 112, 50, 70), "right", "hides 7.0% of the picture"),
    (start_here.check_smallest, lambda: [140, 90, 84, 100], "wrong", "16.7% of the picture"),
    (start_here.check_smallest, lambda: (20, 10, 50, 70), "wrong", "says tripod still (0."),
    (start_here.check_smallest, lambda: (200, 112, 50, 70), "wrong", "224 rows and 224 columns"),
    (start_here.check_smallest, lambda: (10, 10, 0, 5), "wrong", "leaves the picture"),
    (start_here.check_smallest, lambda: (1.5, 2, 3, 4), "wrong", "expected four ints"),
    (review.check_rival, _colourful, "right", "hits the object in 0.9"),
    (review.check_rival, lambda x: x.mean(1), "wrong", "What do all objects have"),
    (review.check_rival, lambda x: _colourful(x) * torch.nan, "wrong", "What do all objects have"),
    (review.check_rival, lambda x: _colourful(x)[0], "wrong", "expected (216, 64, 64)"),
]


@pytest.mark.parametrize(("checker", "attempt", "state", "message"), START)
def test_checkers_of_the_first_and_the_last_notebook(checker: Any, attempt: Any, state: str, message: str) -> None:
    verdict = checker(attempt)
    assert verdict.state == state, verdict
    assert message in verdict.message


def _survival(model: nn.Module, picture: Tensor, target: int, shifts: list[tuple[int, int]]) -> Tensor:
    copies = torch.cat([picture.roll(shift, (2, 3)) for shift in shifts])
    return model(copies).softmax(1)[:, target].mean()  # type: ignore[no-any-return]


def _midpoints(slope: Callable[[Tensor], Tensor], x: Tensor, start: Tensor, steps: int) -> Tensor:
    ways = [slope(start + (k + 0.5) / steps * (x - start)) for k in range(steps)]
    return (x - start) * torch.stack(ways).mean(0)


RIGHT: dict[Callable[[Any], Verdict], Callable[..., Any]] = {
    explanation_taxonomy.check_inside: lambda h, m: h.clamp(min=0)[m].sum() / h.clamp(min=0).sum(),
    explanation_taxonomy.check_followed: lambda b, a, m: (a == m)[b != a].float().mean(),
    weight_pca.check_explained: lambda x: _shares(torch.linalg.svdvals(x - x.mean(0)) ** 2),
    activation_tsne.check_support: lambda x, y, k: (y[_near(x, k)] == y[:, None]).float().mean(1),
    activation_tsne.check_kept: _kept,
    occlusion.check_spread: _spread,
    gradients.check_integrate: _midpoints,
    input_reconstruction.check_survival: _survival,
    input_reconstruction.check_roughness: lambda p: p.diff(dim=1).abs().mean() + p.diff(dim=2).abs().mean(),
    sanity_checks.check_ground: lambda maps, alike: torch.stack([alike(a, b) for a, b in combinations(maps, 2)]).mean(),
    roar.check_keep_top: lambda x, h, f, c: torch.where(_top(h, f), x, c),
    roar.check_paired: lambda a, b: torch.stack(_difference(a, b)),
}


@pytest.mark.parametrize("checker", RIGHT, ids=lambda checker: checker.__name__)
def test_an_answer_off_by_a_hundredth_is_wrong(checker: Callable[[Any], Verdict]) -> None:
    for factor, state in ((1.0, "right"), (1.01, "wrong"), (0.99, "wrong"), (-1.0, "wrong")):
        assert checker(lambda *given, factor=factor: factor * RIGHT[checker](*given)).state == state, factor


CHECKERS = [
    checker
    for found in pkgutil.iter_modules(course.__path__, "vislib.course.")
    for name, checker in vars(importlib.import_module(found.name)).items()
    if name.startswith("check_") and checker.__module__ == found.name and found.name != frame.__name__
]
ODD = [
    *((), [], {}, set(), (1,), (1, 2), ("a", "b"), [1, [2, 3]], [torch.tensor(1.0), None], "x", b"x", range(3), object(), len),
    *(math.nan, -math.inf, -1, 10**40, True, 1j, np.float64(2), np.int64(3), np.zeros(3), np.array(None)),
    *(torch.tensor([]), torch.tensor(math.nan), torch.rand(2, 3, 4, 5), torch.rand((), requires_grad=True)),
    *(torch.zeros(5, dtype=torch.int8), torch.rand(2, dtype=torch.complex64), torch.rand(3, device="meta")),
    *(torch.eye(2).to_sparse(), nn.Linear(2, 2)),
]  # fmt: skip


@pytest.mark.parametrize("checker", CHECKERS, ids=lambda checker: checker.__name__)
def test_any_answer_gets_a_verdict(checker: Callable[..., Verdict]) -> None:
    for stub in (None, (None, None), [None, None, None]):
        assert checker(lambda *arguments, stub=stub: stub) == NOT_YET
    for answer in ODD:
        assert checker(lambda *arguments, answer=answer: answer).state != "right", answer
