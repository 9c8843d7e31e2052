"""Reconstruction where the answer is known: linear networks, hand-made moves, identities, and two real networks."""

import io
import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from experiments import RECIPES
from tests.state import unchanged
from vislib import data, models
from vislib.course import input_reconstruction as course
from vislib.course import results
from vislib.course.input_reconstruction import spectra, spectrum
from vislib.explain import Score, logit, probability
from vislib.incremental.lean import lean
from vislib.models import Classifier
from vislib.reconstruction import History, invert, moved, parametrisation, reconstruct, resized
from vislib.reconstruction.parametrisation import COLOURS, PARAMETRISATIONS, variation
from vislib.reconstruction.transformations import draw_moves, move

STILL: dict[str, Any] = {"shift": 0, "scale": 0, "rotate": 0}
SMALL: dict[str, Any] = {"size": 16, "steps": 6}


class Linear(nn.Module):
    """Two classes: the weighted sum of the pixels, and minus it."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)

    def forward(self, images: Tensor) -> Tensor:
        total = (images * self.weight).sum((1, 2, 3))
        return torch.stack([total, -total], 1)


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# ---- what it finds


@pytest.mark.parametrize("parametrisation", PARAMETRISATIONS)
def test_a_linear_network_gets_white_where_its_weight_is_positive(parametrisation: str) -> None:
    weight = torch.ones(3, 8, 8)
    weight[:, :, 4:] = -1
    options: dict[str, Any] = {"parametrisation": parametrisation, "steps": 100, "size": 8, "learning_rate": 0.3}
    pictures = reconstruct(Linear(weight), torch.tensor([0, 1]), **STILL, **options)
    white = torch.stack([weight > 0, weight < 0])
    assert (
        (pictures > 0.5) == white
    ).float().mean() > 0.95  # a few that waves have left on the wrong side are saturated
    assert (pictures - 0.5).abs().mean() > 0.4


@pytest.mark.parametrize("score", [logit, probability])
@pytest.mark.parametrize("parametrisation", PARAMETRISATIONS)
def test_the_score_of_each_class_rises(parametrisation: str, score: Score, cnn: nn.Module) -> None:
    targets, history = torch.arange(5), History(keep=[0])
    options: dict[str, Any] = {"parametrisation": parametrisation, "score": score}
    pictures = reconstruct(cnn, targets, **options, size=16, steps=60, watch=history)
    with torch.no_grad():
        before, after = score(cnn(history.pictures[0]), targets), score(cnn(pictures), targets)
    assert pictures.shape == (5, 3, 16, 16)
    assert 0 <= pictures.min() < pictures.max() <= 1
    assert (after > before).all()


def test_the_units_of_the_last_layer_are_the_classes(cnn: nn.Module) -> None:
    target = torch.tensor([0, 4])
    assert torch.equal(reconstruct(cnn, target, layer="9", **SMALL), reconstruct(cnn, target, **SMALL))


def test_a_unit_of_a_convolution_rises_in_the_mean_over_its_map(cnn: nn.Module) -> None:
    history = History()
    picture = reconstruct(cnn, 3, layer="0", size=16, steps=40, watch=history, **STILL)
    with torch.no_grad():
        after = cnn[0](picture)[0, 3].mean()  # type: ignore[index]
    assert after > history.scores[-1][0] > history.scores[0][0]


def test_the_networks_own_size_and_channels_are_taken(cnn: nn.Module) -> None:
    assert reconstruct(models.Classifier(cnn, input_size=12), 0, steps=1).shape == (1, 3, 12, 12)
    assert reconstruct(models.trained("digits"), 0, steps=1).shape == (1, 1, 28, 28)


# ---- seeds, batches, state


def test_a_picture_is_the_same_alone_and_in_a_batch(cnn: nn.Module) -> None:
    target, seeds = torch.tensor([3, 1, 3]), [7, 0, 5]
    together = reconstruct(cnn, target, seed=seeds, **SMALL)
    for i, (k, seed) in enumerate(zip(target.tolist(), seeds, strict=True)):
        torch.testing.assert_close(reconstruct(cnn, k, seed=seed, **SMALL)[0], together[i], rtol=0, atol=1e-5)
    for batch_size in (1, 2, 9):
        chunked = reconstruct(cnn, target, seed=seeds, batch_size=batch_size, **SMALL)
        torch.testing.assert_close(chunked, together, rtol=0, atol=1e-5)
    assert (together[0] - together[2]).abs().max() > 1e-3  # the seed matters


def test_several_seeds_of_one_class(cnn: nn.Module) -> None:
    pictures = reconstruct(cnn, 2, seed=range(3), **SMALL)
    assert torch.equal(pictures, reconstruct(cnn, torch.tensor([2, 2, 2]), seed=[0, 1, 2], **SMALL))


def test_the_network_sees_the_picture_as_it_is_moved() -> None:
    network = Linear(torch.randn(3, 16, 16, generator=_generator()))  # so that every pixel matters
    history, generator = History(keep=[0]), _generator(3)
    reconstruct(network, 1, size=16, steps=1, seed=3, shift=2, scale=0.2, rotate=30.0, watch=history)
    PARAMETRISATIONS["fourier"].start((3, 16, 16), generator)  # the moves are drawn after the start
    still = history.pictures[0]
    with torch.no_grad():
        seen, unmoved = (network(x)[:, 1] for x in (move(still, draw_moves(2, 0.2, 30.0, generator)[None]), still))
    torch.testing.assert_close(history.scores[0], seen)
    assert (seen - unmoved).abs() > 0.01  # a hundred times what rounding makes


def test_it_works_where_gradients_are_off(cnn: nn.Module) -> None:
    expected = reconstruct(cnn, 1, **SMALL)
    with torch.no_grad():
        assert torch.equal(reconstruct(cnn, 1, **SMALL), expected)
    assert not expected.requires_grad


def _fails(error: type[BaseException]) -> Callable[..., Any]:
    def fail(*_: Any) -> Any:
        raise error

    return fail


@pytest.mark.parametrize("fixed", [True, False])
@pytest.mark.parametrize("end", [None, ValueError, KeyboardInterrupt])
def test_the_model_is_left_as_it_was(end: Any, fixed: bool, cnn: nn.Module, images: Tensor) -> None:
    cnn.requires_grad_(not fixed)
    watch = None if end is None else _fails(end)
    for call in (
        lambda: reconstruct(cnn, 1, watch=watch, **SMALL),
        lambda: reconstruct(cnn, 1, layer="4", watch=watch, **SMALL),
        lambda: invert(cnn, images, "4", steps=2, watch=watch),
    ):
        with unchanged(cnn):
            if end is None:
                call()
            else:
                with pytest.raises(end):
                    call()


def test_only_the_pictures_get_gradients(cnn: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    grad = torch.autograd.grad

    def noted(outputs: Any, inputs: Any, **options: Any) -> Any:
        asked.append([each.shape for each in inputs])
        return grad(outputs, inputs, **options)

    monkeypatch.setattr(torch.autograd, "grad", noted)
    cnn.requires_grad_(True)
    reconstruct(cnn, 1, parametrisation="pixels", **SMALL)
    assert asked == [[(1, 3, 16, 16)] * 2] * 6  # its numbers, and the picture as the network sees it


# ---- the history


def test_the_history_sees_every_step(cnn: nn.Module) -> None:
    history, target = History(keep=[0, 4]), torch.tensor([1, 2])
    last = reconstruct(cnn, target, watch=history, **SMALL, **STILL)
    assert list(history.pictures) == [0, 4]
    assert len(history.scores) == 6
    with torch.no_grad():
        torch.testing.assert_close(logit(cnn(history.pictures[4]), target), history.scores[4])
    shorter = reconstruct(cnn, target, size=16, steps=4, **STILL)  # four steps later, step 4 begins
    torch.testing.assert_close(history.pictures[4], shorter)
    assert not torch.equal(last, shorter)


# ---- parametrisations


def test_a_number_of_the_fourier_parametrisation_is_a_wave_that_falls_with_its_frequency() -> None:
    shape = (1, 32, 32)
    heights = []
    for k in (1, 2, 8):
        numbers = torch.zeros(1, 1, 32, 17, 2)
        numbers[0, 0, 0, k, 0] = 0.1
        wave = PARAMETRISATIONS["fourier"].picture(numbers, shape)[0, 0].logit()
        expected = (2 * math.pi * k * torch.arange(32) / 32).cos() * wave.max()
        torch.testing.assert_close(wave, expected.expand(32, 32), rtol=0, atol=1e-5)
        heights.append(float(wave.max()))
    decay = parametrisation.DECAY
    assert heights[0] / heights[1] == pytest.approx(2**decay, rel=1e-3)
    assert heights[0] / heights[2] == pytest.approx(8**decay, rel=1e-3)


@pytest.mark.parametrize("side", [15, 16])
def test_every_picture_can_be_written_in_fourier(side: int) -> None:
    picture = 0.1 + 0.8 * torch.rand(1, 3, side, side, generator=_generator())
    plain = torch.einsum("cd,bdhw->bchw", torch.tensor(COLOURS).inverse(), picture.logit())
    waves = torch.fft.rfft2(plain, norm="ortho") * parametrisation.frequencies(side, side) ** parametrisation.DECAY
    back = PARAMETRISATIONS["fourier"].picture(torch.view_as_real(waves), (3, side, side))
    torch.testing.assert_close(back, picture, rtol=0, atol=1e-4)


def test_the_colours_are_those_of_the_photographs() -> None:
    thumbnails = [np.asarray(data.photo(name).convert("RGB").resize((128, 128))) for name in data.PHOTOS]
    covariance = np.cov(np.concatenate(thumbnails).reshape(-1, 3).T)
    ours = np.array(COLOURS) @ np.array(COLOURS).T
    assert ours / np.trace(ours) == pytest.approx(covariance / np.trace(covariance), abs=2e-3)
    off = np.array(COLOURS).T @ np.array(COLOURS)
    assert off - np.diag(np.diag(off)) == pytest.approx(np.zeros((3, 3)), abs=1e-3)  # decorrelated
    assert off[0, 0] == pytest.approx(1, abs=1e-3)


def test_total_variation_by_hand() -> None:
    picture = torch.tensor([[0.0, 1.0], [0.5, 0.5]])[None, None]
    assert float(variation(picture)) == pytest.approx((0.5 + 0.5) / 2 + (1 + 0) / 2)
    assert float(variation(torch.full((1, 3, 4, 4), 0.3))) == 0


def test_penalties_make_smoother_and_greyer(cnn: nn.Module) -> None:
    options: dict[str, Any] = {"size": 16, "steps": 40, "parametrisation": "pixels", **STILL}
    free, smooth, grey = (
        reconstruct(cnn, 1, **options, **more) for more in ({}, {"total_variation": 10.0}, {"l2": 100.0})
    )
    assert variation(smooth) < 0.5 * variation(free)
    assert (grey - 0.5).square().mean() < 0.5 * (free - 0.5).square().mean()


# ---- moves


def test_no_move_is_no_change(images: Tensor) -> None:
    torch.testing.assert_close(move(images, torch.tensor([[0.0, 1, 0, 0]] * 3)), images)
    torch.testing.assert_close(moved(images, **STILL), images)


def test_a_shift_is_exact_and_mirrors_at_the_border() -> None:
    image = torch.arange(24.0).reshape(1, 1, 4, 6)
    right = move(image, torch.tensor([[0.0, 1, 2, 0]]))
    torch.testing.assert_close(right[0, 0, 0], torch.tensor([1.0, 0, 0, 1, 2, 3]))
    down = move(image, torch.tensor([[0.0, 1, 0, 1]]))
    torch.testing.assert_close(down[0, 0, :, 0], torch.tensor([0.0, 0, 6, 12]))


def test_a_quarter_turn_is_exact(images: Tensor) -> None:
    turned = move(images, torch.tensor([[math.pi / 2, 1, 0, 0]] * 3))
    torch.testing.assert_close(turned, images.rot90(1, (2, 3)), rtol=0, atol=1e-4)


def test_a_turn_keeps_shapes_in_a_wide_image() -> None:
    image = torch.zeros(1, 1, 20, 40)
    image[..., 9:11, 16:24] = 1  # a bar, 8 wide and 2 high, in the middle
    turned = move(image, torch.tensor([[math.pi / 2, 1, 0, 0]]))
    expected = torch.zeros(1, 1, 20, 40)
    expected[..., 6:14, 19:21] = 1
    inside = (..., slice(10, 30))  # beyond it, the mirrored bar comes in
    torch.testing.assert_close(turned[inside], expected[inside], rtol=0, atol=1e-4)


def test_twice_as_large() -> None:
    image = torch.zeros(1, 1, 16, 16)
    image[..., 6:10, 6:10] = 1
    large = move(image, torch.tensor([[0.0, 2, 0, 0]]))
    assert float(large.sum()) == pytest.approx(4 * 16, rel=0.05)


def test_moved_copies_of_each_image(images: Tensor) -> None:
    copies = moved(images, shift=3, n=4, seed=1)
    assert copies.shape == (12, 3, 16, 16)
    torch.testing.assert_close(copies[4:8], moved(images[1:2], shift=3, n=4, seed=1))
    assert (copies[0] - copies[1]).abs().max() > 0.01


@pytest.mark.parametrize(("shift", "scale", "rotate"), [(3, 0.0, 0.0), (0, 0.2, 0.0), (0, 0.0, 30.0)])
def test_moves_stay_within_their_limits(shift: int, scale: float, rotate: float) -> None:
    draws = torch.stack([draw_moves(shift, scale, rotate, _generator(i)) for i in range(300)])
    moved = draws - torch.tensor([0.0, 1, 0, 0])
    limits = torch.tensor([math.radians(rotate), scale, shift, shift])
    for way in (moved, -moved):  # left and right, smaller and larger
        assert (way.amax(0) <= limits + 1e-6).all()
        assert (way.amax(0) >= 0.9 * limits).all()
    assert torch.equal(draws[:, 2:], draws[:, 2:].round())


# ---- inversion


class Mixed(nn.Module):
    """Mixes the pixels by an orthogonal matrix, in a layer called `mix`, so that they can be found again."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Linear(48, 48, bias=False)
        self.mix.weight.data = torch.linalg.qr(torch.randn(48, 48, generator=_generator()))[0]

    def forward(self, images: Tensor) -> Tensor:
        answer: Tensor = self.mix(images.flatten(1))
        return answer


@pytest.mark.parametrize("parametrisation", PARAMETRISATIONS)
def test_a_layer_that_keeps_everything_gives_the_image_back(parametrisation: str) -> None:
    images = 0.1 + 0.8 * torch.rand(2, 3, 4, 4, generator=_generator(3))
    options: dict[str, Any] = {"parametrisation": parametrisation, "steps": 400, "total_variation": 0.0}
    found = invert(Mixed(), images, "mix", learning_rate=0.5, **options)
    torch.testing.assert_close(found, images, rtol=0, atol=0.02)


def test_the_activations_come_close(cnn: nn.Module, images: Tensor) -> None:
    history = History()
    invert(cnn, images[:2], "4", steps=100, total_variation=0.0, learning_rate=0.2, watch=history)
    assert (history.scores[-1] > -0.1).all()
    assert (history.scores[-1] > 0.3 * history.scores[0]).all()


# ---- the copy without BatchNorm


def test_the_lean_copy_answers_the_same_without_batchnorm(cnn: nn.Module, images: Tensor) -> None:
    made = lean(cnn, images)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in made.modules())
    torch.testing.assert_close(made(images), cnn(images))
    x, y = images.clone().requires_grad_(), images.clone().requires_grad_()
    torch.testing.assert_close(*(torch.autograd.grad(net(z).sum(), z) for net, z in ((made, x), (cnn, y))))
    assert made[0].weight is cnn[0].weight  # type: ignore[index]


def test_the_network_of_the_course_has_a_lean_copy_with_its_layers() -> None:
    model = models.load()
    image = torch.rand(1, 3, 64, 64, generator=_generator())
    made = lean(model, image, "network.blocks.2")
    assert made is not model
    torch.testing.assert_close(made(image), model(image), rtol=0, atol=1e-4)


def test_there_is_no_copy_of_what_is_watched_or_lacks_the_layer(cnn: nn.Module, images: Tensor) -> None:
    assert lean(cnn, images, "nothing") is cnn
    cnn[0].register_forward_hook(lambda *_: None)  # type: ignore[index]
    assert lean(cnn, images) is cnn


def test_a_network_that_a_copy_would_change_is_used_itself(cnn: nn.Module, images: Tensor) -> None:
    class Stubborn(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = cnn

        def forward(self, x: Tensor) -> Tensor:
            answer: Tensor = self.body(x) + len([m for m in self.modules() if isinstance(m, nn.BatchNorm2d)])
            return answer

    model = Stubborn().eval()
    assert lean(model, images) is model


# ---- what is kept


def test_every_row_of_the_tables_has_its_picture() -> None:
    for name, recipe in ((name, recipe) for name, recipe in RECIPES.items() if name.startswith("reconstruction")):
        rows = results.read(name)["rows"]
        files = ["_".join(str(row[k]) for k in recipe.grid) for row in rows]
        pictures = results.pictures(recipe.keep["folder"].name, files)
        assert pictures.shape == (len(rows), 3, 224, 224)
        assert pictures.std((1, 2, 3)).min() > 0.05


def test_a_picture_that_is_not_there() -> None:
    with pytest.raises(
        FileNotFoundError, match=r"tables/reconstruction/nothing\.jpg is not there; run: python -m experiments"
    ):
        results.pictures("reconstruction", ["nothing"])


# ---- its explorer, its figure, its exercises


@pytest.fixture(scope="module")
def climbed() -> tuple[models.Classifier, History]:
    """Return a small network and the ascent of its class 2."""
    model, history = models.trained("shapes_object"), History(keep=[0, 5, 11])
    reconstruct(model, 2, steps=12, watch=history)
    return model, history


def _widgets(box: Any) -> dict[str, Any]:
    children = [box, *(w for child in getattr(box, "children", ()) for w in _widgets(child).values())]
    return {type(w).__name__: w for w in children}


def test_the_explorer_shows_the_picture_and_the_tests_of_its_step(climbed: tuple[models.Classifier, History]) -> None:
    model, history = climbed
    explorer = course.explorer(model, history, 2, other=model)
    found = _widgets(explorer)
    for place, step in enumerate((0, 5, 11)):
        found["IntSlider"].value = place
        shown = np.asarray(Image.open(io.BytesIO(found["Image"].value)))
        assert np.abs(shown / 255 - history.pictures[step][0].permute(1, 2, 0).numpy()).max() < 1 / 255
        text = found["HTML"].value
        assert f"Step <strong>{step}</strong>" in text
        with torch.no_grad():
            copies = moved(history.pictures[step], n=8)
            expected = [float(model(x).softmax(1)[:, 2].mean()) for x in (history.pictures[step], copies)]
        numbers = [float(n) for n in re.findall(r"<td>([\d.]+)</td>", text)]
        assert numbers == pytest.approx([*expected, expected[0]], abs=0.0051)


def test_the_explorer_is_a_page_where_there_is_no_kernel(climbed: tuple[models.Classifier, History]) -> None:
    page = course.explorer(*climbed, 2)._repr_mimebundle_()["text/html"]
    assert 'alt="The picture at the last step that was kept"' in page
    assert "Step <strong>11</strong>" in page
    assert "second network" not in page


def test_a_history_without_pictures_is_refused(climbed: tuple[models.Classifier, History]) -> None:
    with pytest.raises(ValueError, match=r"kept 0 steps of 0 pictures; expected some steps of one picture"):
        course.explorer(climbed[0], History(), 2)
    several = History(keep=[0])
    reconstruct(climbed[0], 2, seed=[0, 1], steps=1, watch=several)
    with pytest.raises(ValueError, match="kept 1 steps of 2 pictures"):
        course.explorer(climbed[0], several, 2)


def test_the_spectrum_of_a_wave_is_one_line() -> None:
    wave = (2 * math.pi * 5 * torch.arange(32) / 32).cos().expand(1, 3, 32, 32)
    frequencies, amplitude = spectrum(wave)
    assert frequencies.tolist() == list(range(1, 17))
    assert amplitude.argmax() == 4
    assert amplitude[4] > 1e4 * amplitude[torch.arange(16) != 4].max()
    figure = spectra({"a": wave, "b": torch.rand(2, 3, 32, 32)})
    assert [text.get_text().strip() for text in figure.axes[0].texts] == ["a", "b"]


def _survival(model: nn.Module, picture: Tensor, target: int, shifts: list[tuple[int, int]], sign: int = 1) -> float:
    copies = torch.cat([picture.roll((sign * d, sign * r), (2, 3)) for d, r in shifts])
    return float(model(copies).softmax(1)[:, target].mean())


SURVIVAL: list[tuple[Callable[..., Any], str, str]] = [
    (_survival, "right", "Right"),
    (lambda m, x, k, s: torch.tensor(_survival(m, x, k, s)), "right", "Right"),
    (lambda *a: None, "not attempted", "replace the line"),
    (lambda m, x, k, s: m(x).softmax(1)[0, k], "wrong", "You ask about the picture itself"),
    (lambda m, x, k, s: _survival(m, x, 0, s), "wrong", "and yours is"),
    (lambda m, x, k, s: m(torch.cat([x.roll(p, (2, 3)) for p in s]))[:, k].mean(), "wrong", "average the logits"),
    (lambda m, x, k, s: 3 * _survival(m, x, k, s), "wrong", "You add the probabilities up"),
    (lambda m, x, k, s: _survival(m, x, k, s[-1:]), "wrong", "the probability of one copy"),
    (lambda m, x, k, s: _survival(m, x, k, [p[::-1] for p in s]), "wrong", "You exchange the directions"),
    (lambda *a: _survival(*a, sign=-1), "wrong", "You shift up and left"),
    (lambda m, x, k, s: _survival(m, x.mul_(0.5), k, s), "wrong", "changes the picture itself"),
    (lambda *a: _survival(*a) + 0.01, "wrong", "and yours is"),
    (lambda m, x, k, s: x, "wrong", "returns a Tensor; expected one number"),
    (lambda m, x: 0.0, "wrong", "raises TypeError"),
]


@pytest.mark.parametrize(("function", "state", "part"), SURVIVAL)
def test_survival(function: Callable[..., Any], state: str, part: str) -> None:
    verdict = course.check_survival(function)
    assert (verdict.state, part in verdict.message) == (state, True), verdict


def _roughness(x: Tensor) -> Tensor:
    return x.diff(dim=1).abs().mean() + x.diff(dim=2).abs().mean()


ROUGHNESS: list[tuple[Callable[..., Any], str, str]] = [
    (_roughness, "right", "Right"),
    (lambda x: float(variation(x[None])), "right", "Right"),
    (lambda x: None, "not attempted", "replace the line"),
    (lambda x: x.diff(dim=1).abs().mean(), "wrong", "one direction only"),
    (lambda x: x.diff(dim=1).mean() + x.diff(dim=2).mean(), "wrong", "rises and falls cancel"),
    (lambda x: x.diff(dim=1).abs().sum() + x.diff(dim=2).abs().sum(), "wrong", "expected means"),
    (lambda x: x.diff(dim=1).square().mean() + x.diff(dim=2).square().mean(), "wrong", "You square the differences"),
    (lambda x: _roughness(x) * 1.1, "wrong", "and yours is"),
    (lambda x: "rough", "wrong", "returns a str"),
]


@pytest.mark.parametrize(("function", "state", "part"), ROUGHNESS)
def test_roughness(function: Callable[..., Any], state: str, part: str) -> None:
    verdict = course.check_roughness(function)
    assert (verdict.state, part in verdict.message) == (state, True), verdict


# ---- real networks


@pytest.mark.slow
def test_a_reconstruction_survives_moves_and_another_network_and_naive_ascent_does_not() -> None:
    model, other = models.load(), models.load("efficientnet_lite1")
    k = model.index("school bus")

    def answers(picture: Tensor) -> tuple[float, float, float]:
        larger = resized(picture, other.input_size)
        with torch.no_grad():
            given = [
                net(x).softmax(1)[:, k].mean()
                for net, x in ((model, picture), (model, moved(picture, n=16)), (other, larger))
            ]
        return float(given[0]), float(given[1]), float(given[2])

    own, after, second = answers(reconstruct(model, k))
    assert own > 0.9
    assert after > 0.9
    assert second > 0.8
    own, after, second = answers(reconstruct(model, k, parametrisation="pixels", steps=64, **STILL))
    assert own > 0.9
    assert after < 0.5
    assert second < 0.1


# ---- what notebook 06 asks of a picture ----


class _Seeing(nn.Module):
    """Two classes: a bright upper left corner, and nothing; a layer of its own sees the picture."""

    def __init__(self) -> None:
        super().__init__()
        self.eye = nn.Conv2d(3, 1, 1, bias=False)
        nn.init.ones_(self.eye.weight)
        self.head = nn.Linear(1, 2)

    def forward(self, images: Tensor) -> Tensor:
        corner = self.eye(images)[:, 0, :4, :4].mean((1, 2)) * 10 - 15
        return torch.stack([corner, torch.zeros_like(corner)], 1)


def _classifier() -> Classifier:
    return Classifier(_Seeing(), classes=["corner", "none"], input_size=32).eval()


def test_a_picture_is_tested_by_moves_and_by_another_network() -> None:
    corner, full = torch.zeros(1, 3, 32, 32), torch.ones(1, 3, 32, 32)
    corner[..., :4, :4] = 1
    model = _classifier()
    height, own, after, second, place = course.tests_of(model, model, corner, 0)
    assert height == pytest.approx(15, abs=1e-3)
    assert own > 0.99
    assert second == own
    assert place == 1
    assert after < 0.9 < course.tests_of(model, model, full, 0)[1]
    assert course.tests_of(model, model, corner, 1)[4] == 2
    table = course.tested(model, model, [corner[0], full[0]], [0, 1], ["a corner", "all"])
    assert [line.split()[0] for line in table.splitlines()[1:]] == ["a", "all"]
    assert "logit 15, as it is 1.00" in course.labelled(model, model, corner[0], 0, "a corner")


def test_examples_are_the_windows_that_excite_a_unit_most() -> None:
    images = torch.zeros(4, 3, 32, 32)
    images[1, :, 10, 20], images[3, :, 31, 0], images[2, :, 0, 31] = 0.5, 1.0, 0.2
    first, second = course.examples(_classifier(), images, "network.eye", 0, side=9, n=2)
    assert first.shape == (3, 9, 9)
    assert float(first.max()) == 1.0
    assert float(first[0, 8, 0]) == 1.0
    assert float(second[0, 4, 4]) == 0.5


def test_inversions_are_those_that_are_stored_and_others_are_found_now(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, int]] = []

    def found(model: nn.Module, images: Tensor, layer: str, *, steps: int, progress: bool) -> Tensor:
        asked.append((layer, steps))
        return images

    monkeypatch.setattr(course, "invert", found)
    model, layers = Classifier(nn.Conv2d(3, 2, 3), input_size=32), {"early": "network.a", "late": "network.b"}
    kept = results.pictures("inverted", ["coffee_early", "coffee_late"])
    assert torch.equal(course.inverted(model, "coffee", layers), kept)
    assert not asked
    photograph = model.preprocess(data.photo("rocket"))
    assert torch.equal(course.inverted(model, "rocket", layers), torch.cat([photograph, photograph]))
    assert asked == [("network.a", 128), ("network.b", 128)]


class _Tokens(nn.Module):
    """A transformer as PyTorch makes it by default: its tokens come first, and the images second."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.block = nn.TransformerEncoderLayer(12, 2, 8, dropout=0.0)
        self.head = nn.Linear(12, 3)

    def forward(self, images: Tensor) -> Tensor:
        tokens = images.unfold(2, 2, 2).unfold(3, 2, 2).permute(2, 3, 0, 1, 4, 5).flatten(0, 1).flatten(2)
        logits: Tensor = self.head(self.block(tokens).mean(0))
        return logits


@pytest.mark.parametrize("count", [1, 2, 16])
def test_a_layer_whose_tokens_come_first_is_not_taken_for_images(count: int) -> None:
    with pytest.raises(ValueError, match=r"'block' answers to one image with shape \(16, 1, 12\); expected \(1, ...\)"):
        invert(_Tokens().eval(), torch.rand(count, 3, 8, 8, generator=_generator()), "block", steps=2)


def test_a_layer_that_answers_with_zeros_cannot_be_imitated() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 2)).eval()
    images = torch.stack([torch.rand(3, 8, 8, generator=_generator()), torch.zeros(3, 8, 8)])
    with pytest.raises(ValueError, match="the layer '1' answers to an image with zeros alone"):
        invert(network, images, "1", steps=2)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_large_layer_is_inverted_in_half_precision(dtype: torch.dtype) -> None:
    """The square of its length is beyond what float16 holds, and a distance of infinity has no slope."""
    network = nn.Sequential(nn.Upsample(scale_factor=96), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2)).eval()
    images = torch.full((1, 3, 8, 8), 0.9)
    how: dict[str, Any] = {"steps": 12, "total_variation": 0, "parametrisation": "pixels"}
    wide, half = (invert(network.to(t), images.to(t), "0", **how).float() for t in (torch.float32, dtype))
    assert float(wide.mean()) > 0.6
    torch.testing.assert_close(half, wide, rtol=0, atol=0.05)
