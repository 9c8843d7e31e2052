"""The controls look at the image at most, and never at the network."""

import pytest
import torch
from scipy.ndimage import gaussian_filter, sobel
from torch import Tensor, nn

from vislib import controls
from vislib.explain import Explainer

CONTROLS: dict[str, Explainer] = {"sobel": controls.sobel, "chance": controls.chance, "disc": controls.disc}


@pytest.mark.parametrize("name", CONTROLS)
def test_neither_the_network_nor_the_class_matters(name: str, cnn: nn.Module, images: Tensor) -> None:
    heat = CONTROLS[name](cnn, images, 0)
    other = nn.Sequential(nn.Flatten(), nn.Linear(images[0].numel(), 3))
    assert heat.shape == (len(images), *images.shape[-2:])
    assert float(heat.min()) >= 0
    assert float(heat.std()) > 0
    assert torch.equal(heat, CONTROLS[name](other, images, 1))


@pytest.mark.parametrize("name", CONTROLS)
def test_an_image_has_the_same_map_in_any_batch(name: str, cnn: nn.Module, images: Tensor) -> None:
    torch.testing.assert_close(CONTROLS[name](cnn, images, 0)[1:2], CONTROLS[name](cnn, images[1:2], 0))


def test_the_edges_are_scipys(cnn: nn.Module, images: Tensor) -> None:
    expected = torch.zeros_like(images[:, 0])
    for heat, image in zip(expected, images, strict=True):
        for channel in image.numpy():
            across, down = (torch.from_numpy(sobel(channel, axis=axis, mode="nearest")) / 8 for axis in (1, 0))
            heat += (across.square() + down.square()).sqrt() / images.shape[1]
    torch.testing.assert_close(controls.sobel(cnn, images, 0), expected, atol=1e-6, rtol=1e-5)


def test_a_ramp_has_its_slope_as_edges(cnn: nn.Module) -> None:
    ramp = torch.arange(8.0).div(10).expand(1, 3, 8, 8)
    torch.testing.assert_close(controls.sobel(cnn, ramp, 0)[0, :, 1:-1], torch.full((8, 6), 0.1))


def test_noise_differs_between_images_and_seeds(cnn: nn.Module, images: Tensor) -> None:
    heat, other = (controls.chance(cnn, images, 0, seed=seed) for seed in (0, 1))
    assert not torch.equal(heat[0], heat[1])
    assert not torch.equal(heat, other)


def test_the_disc_falls_from_the_middle_to_the_corners(cnn: nn.Module) -> None:
    heat = controls.disc(cnn, torch.rand(1, 3, 5, 5), 0)[0]
    assert heat[2, 2] == 1
    assert heat[0, 0] == heat[4, 4] == 0
    assert heat[2, 4] == heat[0, 2] == pytest.approx(1 - 2 / 8**0.5)


def test_a_blurred_map_keeps_its_sign(cnn: nn.Module, images: Tensor) -> None:
    def signed(model: nn.Module, images: Tensor, target: int | Tensor) -> Tensor:
        return images[:, 0] - images[:, 1]

    heat = controls.blurred(signed, sigma=1.0)(cnn, images, 0)
    expected = torch.stack(
        [torch.from_numpy(gaussian_filter(h.numpy(), 1.0, mode="mirror", radius=3)) for h in signed(cnn, images, 0)]
    )
    assert float(heat.min()) < 0
    torch.testing.assert_close(heat, expected, atol=1e-5, rtol=1e-5)
