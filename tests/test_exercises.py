"""Each checker tells not attempted, wrong and why, and right apart."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from vislib.course import exercises
from vislib.course.exercises import Verdict
from vislib.fills import FILLS


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
    verdict = exercises.spread(function)
    assert verdict.state == state
    assert part in verdict.message


def _brightens_in_place(images: Tensor) -> Tensor:
    return images.mul_(0.5)


FILL: list[tuple[Callable[..., Any], str, str]] = [
    (lambda x: 1 - x, "right", "can go straight into `occlusion(..., fill=...)`"),
    (lambda x: None, "not attempted", "replace the line `return None`"),
    (lambda x: x, "wrong", "nearly the image itself"),
    (lambda x: (x + 0.001).clamp(0, 1), "wrong", "nearly the image itself"),
    (_brightens_in_place, "wrong", "changes the images themselves"),
    (lambda x: 2 * x, "wrong", "leaves the pixel range"),
    (lambda x: -x, "wrong", "leaves the pixel range"),
    (lambda x: x * torch.nan, "wrong", "leaves the pixel range"),
    (lambda x: torch.zeros_like(x, dtype=torch.uint8), "wrong", "expected floating point values in [0, 1]"),
    (lambda x: x.mean((2, 3), keepdim=True), "wrong", "has shape (2, 3, 1, 1); expected (2, 3, 8, 8)"),
    (lambda x: 0.5, "wrong", "returns a float; expected a tensor"),
    (_raises, "wrong", "Your function raises IndexError"),
]


@pytest.mark.parametrize(("function", "state", "part"), FILL)
def test_own_fill(function: Callable[..., Any], state: str, part: str) -> None:
    verdict = exercises.own_fill(function)
    assert verdict.state == state
    assert part in verdict.message


@pytest.mark.parametrize("name", FILLS)
def test_the_fills_of_the_course_would_pass(name: str) -> None:
    assert exercises.own_fill(FILLS[name]).state == "right"


def test_an_interrupt_is_not_an_answer() -> None:
    def waits(*_: Any) -> Tensor:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        exercises.own_fill(waits)


def test_a_verdict_shows_itself_as_one_line() -> None:
    assert repr(Verdict("right", "Right.")) == str(Verdict("right", "Right.")) == "✓ Right."
    assert str(Verdict("wrong", "No.")) == "✗ No."
    assert str(exercises.NOT_YET).startswith("… Not attempted yet")


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
    (exercises.explained, lambda x: _shares(torch.linalg.svdvals(x - x.mean(0)) ** 2), "right", "squares"),
    (exercises.explained, lambda x: _shares(torch.linalg.svdvals(x) ** 2), "wrong", "subtracted the mean"),
    (exercises.explained, lambda x: _shares(torch.linalg.svdvals(x - x.mean(0))), "wrong", "a variance is a square"),
    (exercises.explained, lambda x: torch.linalg.svdvals(x - x.mean(0)) ** 2, "wrong", "divide by their sum"),
    (exercises.explained, lambda x: torch.ones(5) / 5, "wrong", "yours is 0.200"),
    (exercises.explained, lambda x: torch.ones(4), "wrong", "expected (5,)"),
    (exercises.explained, lambda x: None, "not attempted", "return None"),
    (exercises.explained, _raise, "wrong", "RuntimeError: oh"),
    (exercises.typical, lambda w, m: m[_rows(w, m).argmin()].item(), "right", "closest"),
    (exercises.typical, lambda w, m: m[_rows(w, m).argmin()], "right", "closest"),
    (exercises.typical, lambda w, m: _rows(w, m).argmin().item(), "wrong", "position"),
    (exercises.typical, lambda w, m: (w - w[m].mean(0)).norm(dim=1).argmin().item(), "wrong", "not a member"),
    (exercises.typical, lambda w, m: m[(w[m] - w.mean(0)).norm(dim=1).argmin()].item(), "wrong", "all classes"),
    (exercises.typical, lambda w, m: m[_rows(w, m).argmax()].item(), "wrong", "Expected class"),
    (exercises.typical, lambda w, m: "dog", "wrong", "returns a str"),
    (exercises.typical, lambda w, m: None, "not attempted", "return None"),
    (exercises.support, lambda x, y, k: (y[_near(x, k)] == y[:, None]).float().mean(1), "right", "alone"),
    (exercises.support, lambda x, y, k: (y[_near(x, k, 0)] == y[:, None]).float().mean(1), "wrong", "itself"),
    (exercises.support, lambda x, y, k: (y[_near(x, k)] == y[:, None]).sum(1), "wrong", "share"),
    (
        exercises.support,
        lambda x, y, k: (y[_near(x, k, len(x) - k)] == y[:, None]).float().mean(1),
        "wrong",
        "farthest",
    ),
    (exercises.support, lambda x, y, k: torch.zeros(20), "wrong", "first point"),
    (exercises.support, lambda x, y, k: None, "not attempted", "return None"),
    (exercises.kept, _kept, "right", "every neighbour"),
    (exercises.kept, lambda a, b, k: _kept(a, b, k, 0), "wrong", "its own neighbour"),
    (exercises.kept, lambda a, b, k: _kept(a, b, k) * k * len(a), "wrong", "divide"),
    (exercises.kept, lambda a, b, k: 0.123, "wrong", "yours is 0.123"),
    (exercises.kept, lambda a, b, k: [1], "wrong", "returns a list"),
    (exercises.kept, lambda a, b, k: None, "not attempted", "return None"),
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
    (exercises.keep_top, lambda x, h, f, c: torch.where(_top(h, f), x, c), "right", "in all channels at once"),
    (exercises.keep_top, lambda x, h, f, c: torch.where(_top(-h, f), x, c), "wrong", "ranked lowest"),
    (exercises.keep_top, lambda x, h, f, c: torch.where(_top(h, f), c, x), "wrong", "that is ROAR"),
    (exercises.keep_top, lambda x, h, f, c: torch.where(_top(h, 1 - f), x, c), "wrong", "The fraction is what stays"),
    (exercises.keep_top, lambda x, h, f, c: torch.where(_top(h, f), x, 0.0), "wrong", "You fill with black"),
    (exercises.keep_top, lambda x, h, f, c: torch.where(_top(h, f), x, c.mean()), "wrong", "one for each channel"),
    (
        exercises.keep_top,
        lambda x, h, f, c: torch.where((h >= h.flatten().sort(descending=True).values[11])[:, None], x, c),
        "wrong",
        "one threshold for the whole batch",
    ),
    (exercises.keep_top, lambda x, h, f, c: x, "wrong", "as they were"),
    (exercises.keep_top, lambda x, h, f, c: torch.where(_top(h, 0.2), x, c), "wrong", "You keep 4 and 4 pixels"),
    (exercises.keep_top, _but_one_channel, "wrong", "You keep 0 and 0 pixels"),
    (exercises.keep_top, lambda x, h, f, c: x[:, 0], "wrong", "expected (2, 3, 4, 5)"),
    (exercises.keep_top, lambda x, h, f, c: None, "not attempted", "return None"),
    (exercises.keep_top, _raise, "wrong", "RuntimeError: oh"),
    (exercises.paired, _difference, "right", "cancels"),
    (exercises.paired, lambda a, b: torch.stack(_difference(a, b)), "right", "cancels"),
    (exercises.paired, lambda a, b: _difference(b, a), "wrong", "mine minus random"),
    (
        exercises.paired,
        lambda a, b: ((a - b).mean(), ((a.var() + b.var()) / len(a)) ** 0.5),
        "wrong",
        "two independent samples",
    ),
    (exercises.paired, lambda a, b: ((a - b).mean(), (a - b).std()), "wrong", "standard deviation of one difference"),
    (
        exercises.paired,
        lambda a, b: ((a - b).mean(), (a - b).std(correction=0) / len(a) ** 0.5),
        "wrong",
        "divide by n - 1",
    ),
    (exercises.paired, lambda a, b: ((a - b).mean(), 0.5), "wrong", "yours are -0.0300 and 0.5000"),
    (exercises.paired, lambda a, b: (a - b).mean(), "wrong", "expected (2,)"),
    (exercises.paired, lambda a, b: None, "not attempted", "return None"),
]


@pytest.mark.parametrize(("checker", "attempt", "state", "message"), ROAR)
def test_checkers_of_roar(checker: Any, attempt: Any, state: str, message: str) -> None:
    verdict = checker(attempt)
    assert verdict.state == state, verdict
    assert message in verdict.message
