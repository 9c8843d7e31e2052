"""What lies under the patch: each fill by its definition, and every form in which a fill can be given."""

from functools import partial

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from vislib import fills
from vislib.fills import FILLS, canvas


@pytest.mark.parametrize("name", FILLS)
def test_every_fill_is_a_canvas_in_the_pixel_range(name: str, images: Tensor) -> None:
    before = images.clone()
    for given in (images, images[:1, :1, :5, :9], images.double(), torch.ones_like(images), images[..., :1, :1]):
        filled = canvas(name, given)
        assert filled.shape == given.shape
        assert filled.dtype == given.dtype
        assert 0 <= float(filled.min()) <= float(filled.max()) <= 1
    assert torch.equal(images, before)


@pytest.mark.parametrize("name", FILLS)
def test_fills_depend_on_one_image_at_a_time(name: str, images: Tensor) -> None:
    torch.testing.assert_close(canvas(name, images)[1:2], canvas(name, images[1:2]))


@pytest.mark.parametrize(("name", "value"), [("black", 0.0), ("white", 1.0), ("gray", 0.5)])
def test_constants(name: str, value: float, images: Tensor) -> None:
    assert torch.equal(canvas(name, images), torch.full_like(images, value))


def test_the_mean_is_a_colour_per_image(images: Tensor) -> None:
    filled = canvas("mean", images)
    for b in range(3):
        for c in range(3):
            expected = torch.full((16, 16), float(images[b, c].double().mean()))
            torch.testing.assert_close(filled[b, c], expected, rtol=0, atol=1e-6)
    assert len(set(filled[:, :, 0, 0].flatten().tolist())) == 9


@pytest.mark.parametrize(("height", "width", "sigma"), [(16, 16, 1.0), (12, 20, None), (7, 30, 2.5), (1, 9, 1.0)])
def test_the_blur_is_scipys(height: int, width: int, sigma: float | None, images: Tensor) -> None:
    image = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0))
    used = min(height, width) / 16 if sigma is None else sigma
    reach = [min(round(3 * used), side - 1) for side in (height, width)]
    expected = gaussian_filter(image.numpy().astype(np.float64), used, mode="mirror", axes=(2, 3), radius=reach)
    filled = fills.blur(image, sigma=sigma)
    torch.testing.assert_close(filled.double(), torch.from_numpy(expected), rtol=0, atol=1e-5)


def test_a_wider_blur_leaves_less(images: Tensor) -> None:
    left = [float(fills.blur(images, sigma=sigma).var()) for sigma in (0.5, 1.0, 2.0)]
    assert float(images.var()) > left[0] > left[1] > left[2] > 0


def test_noise_is_uniform_the_same_for_all_and_seeded() -> None:
    images = torch.zeros(2, 3, 64, 64)
    noise = canvas("noise", images)
    assert torch.equal(noise[0], noise[1])
    assert torch.equal(noise, canvas("noise", images))
    assert not torch.equal(noise, fills.noise(images, seed=1))
    assert not torch.equal(noise[0, 0], noise[0, 1])
    assert abs(float(noise.mean()) - 0.5) < 0.02
    assert abs(float(noise[0].var()) - 1 / 12) < 0.005


@pytest.mark.parametrize("name", FILLS)
def test_the_global_random_state_is_left_alone(name: str, images: Tensor) -> None:
    before = torch.get_rng_state()
    first = canvas(name, images)
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(3)
    assert torch.equal(canvas(name, images), first)


def test_a_fill_is_a_name_a_function_or_a_tensor(images: Tensor) -> None:
    assert torch.equal(canvas(lambda x: 1 - x, images), 1 - images)
    assert torch.equal(canvas(partial(fills.blur, sigma=2.0), images), fills.blur(images, sigma=2.0))
    assert torch.equal(canvas(torch.tensor(0.25), images), torch.full_like(images, 0.25))
    assert torch.equal(canvas(torch.zeros(3, 16, 16), images), torch.zeros_like(images))
    assert torch.equal(canvas(images.flip(0), images), images.flip(0))
    assert canvas(torch.tensor(0.25), images.double()).dtype == torch.float64
    assert torch.equal(canvas(torch.tensor(1), images), torch.ones_like(images))  # whole numbers are pixels too


def test_a_colour_goes_to_the_channels(images: Tensor) -> None:
    colour = canvas(torch.tensor([0.1, 0.2, 0.3])[:, None, None], images)
    assert colour.shape == images.shape
    assert torch.equal(colour[:, 1], torch.full((3, 16, 16), 0.2))


@pytest.mark.parametrize(("row", "col"), [(3, 4), (0, 4), (7, 4), (3, 0), (3, 9), (0, 0), (0, 9), (7, 0), (7, 9)])
def test_inpainted_pixels_are_the_mean_of_their_neighbours(row: int, col: int) -> None:
    """Solved here pixel by pixel, inside and at each border and corner, where a pixel has fewer neighbours."""
    image = torch.rand(1, 2, 11, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    inside = [(y, x) for y in range(row, row + 4) for x in range(col, col + 3)]
    matrix, known = np.zeros((12, 12)), np.zeros((12, 2))
    for i, (y, x) in enumerate(inside):
        for near in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
            if not (0 <= near[0] < 11 and 0 <= near[1] < 12):
                continue
            matrix[i, i] += 1
            if near in inside:
                matrix[i, inside.index(near)] -= 1
            else:
                known[i] += image[0, :, near[0], near[1]].numpy()
    expected = np.linalg.solve(matrix, known).T.reshape(2, 4, 3)
    at = (torch.tensor([place]) for place in (0, row, col))
    (filled,) = fills.inpaint(image, *at, (4, 3))
    torch.testing.assert_close(filled, torch.from_numpy(expected), rtol=0, atol=1e-9)
