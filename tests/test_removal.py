"""Which pixels go, and what is put in their place, on images small enough to be computed by hand."""

import pytest
import torch
from torch import Tensor

from vislib.roar.imputation import impute, noise
from vislib.roar.removal import Removal, Removed, ranks

GREY = torch.full((1, 1, 1), 0.5)


def hole(height: int, width: int, *places: tuple[int, int]) -> Tensor:
    """Return one mask (1, 1, H, W) that is true at some places."""
    removed = torch.zeros(1, 1, height, width, dtype=torch.bool)
    for row, col in places:
        removed[0, 0, row, col] = True
    return removed


# ---- which pixels go ----


@pytest.mark.parametrize(("height", "width", "dtype"), [(128, 256, torch.int16), (1, 2**15 + 1, torch.int32)])
def test_ranks_take_the_smallest_integers_that_hold_them(height: int, width: int, dtype: torch.dtype) -> None:
    heat = torch.arange(height * width).reshape(1, height, width).float()
    places = ranks(heat, 0)
    assert places.dtype == dtype
    assert places.flatten().tolist() == list(reversed(range(height * width)))  # the last pixel is the highest


def test_many_images_are_each_ranked_by_themselves() -> None:
    heat = torch.rand(1100, 2, 3, generator=torch.Generator().manual_seed(0))
    assert torch.equal(ranks(heat, 0)[1050:], ranks(heat[1050:], 0))  # there are no ties, and so nothing is drawn


def test_what_is_drawn_leaves_the_random_state_of_the_caller() -> None:
    before = torch.get_rng_state()
    ranks(torch.zeros(2, 3, 3), 0)
    noise((1, 2, 2), [0], torch.zeros(1))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("fraction", "gone"),
    [(0.0, 0), (0.04, 0), (0.06, 1), (0.1, 1), (0.9, 9), (0.94, 9), (0.96, 10), (1.0, 10)],
)
def test_a_share_is_rounded_to_the_nearest_number_of_pixels(fraction: float, gone: int) -> None:
    places = torch.arange(10).reshape(1, 2, 5)
    assert int(Removal(fraction).removed(places).sum()) == gone
    assert int(Removal(fraction, keep=True).removed(places).sum()) == gone


def test_unless_told_otherwise_the_highest_pixels_become_the_mean_colour() -> None:
    image = torch.tensor([0.1, 0.2, 0.3, 0.4]).reshape(1, 1, 2, 2)
    lost = Removed(image, ranks(image[:, 0], 0), Removal(0.25), torch.full((1, 1, 1), 0.9))
    assert lost[:1].flatten().tolist() == pytest.approx([0.1, 0.2, 0.3, 0.9])


# ---- batches ----


def test_images_come_in_order_a_batch_at_a_time_and_the_last_one_is_short() -> None:
    images = torch.arange(5.0).reshape(5, 1, 1, 1).expand(5, 1, 2, 2) / 5
    lost = Removed(images, torch.arange(4).reshape(1, 2, 2).expand(5, 2, 2), Removal(0.0), GREY)
    assert len(lost) == 5
    assert [batch[:, 0, 0, 0].tolist() for batch in (lost[:2], lost[2:4], lost[4:])] == [
        pytest.approx([0, 0.2]),
        pytest.approx([0.4, 0.6]),
        pytest.approx([0.8]),
    ]


def test_a_mask_alone_shows_a_hole_in_every_channel_whatever_would_fill_it() -> None:
    images = torch.rand(1, 3, 2, 2)
    lost = Removed(images, torch.tensor([[[0, 1], [2, 3]]]), Removal(0.25, fill="linear", mask_only=True), GREY)
    assert lost[:1].tolist() == [[[[0, 1], [1, 1]]] * 3]


# ---- linear imputation ----


@pytest.mark.parametrize("start", [0.0, 1.0])
def test_a_pixel_becomes_a_mean_in_which_a_side_weighs_twice_a_corner(start: float) -> None:
    image = torch.tensor([[0.1, 0.2, 0.3], [0.4, 0.0, 0.6], [0.7, 0.8, 0.9]])[None, None]
    image[0, 0, 0, 1] = 0.8  # the corners sum to 2, the sides to 2.6
    filled = impute(image, hole(3, 3, (1, 1)), torch.full((1, 1, 1), start))  # from below and from above
    assert float(filled[0, 0, 1, 1]) == pytest.approx((2 * 2.6 + 2.0) / 12, abs=1e-6)
    known = ~hole(3, 3, (1, 1))
    assert torch.equal(filled[known], image[known])


def test_at_the_border_the_mean_is_over_the_neighbours_that_exist() -> None:
    """A pixel in the corner has two sides and one corner: weights of two, two and one fifth."""
    image = torch.tensor([[0.0, 0.5], [1.0, 0.25]])[None, None]
    assert float(impute(image, hole(2, 2, (0, 0)), GREY)[0, 0, 0, 0]) == pytest.approx((2 * 0.5 + 2 * 1.0 + 0.25) / 5)


def test_two_holes_side_by_side_are_means_of_each_other_too() -> None:
    """Of two unknown pixels in a row of four, a = (0 + b) / 2 and b = (a + 1) / 2."""
    image = torch.tensor([0.0, 0.3, 0.3, 1.0]).reshape(1, 1, 1, 4)
    filled = impute(image, hole(1, 4, (0, 1), (0, 2)), GREY)
    assert filled.flatten().tolist() == pytest.approx([0, 1 / 3, 2 / 3, 1], abs=1e-4)


def test_one_known_pixel_colours_the_whole_image_each_channel_by_itself() -> None:
    image = torch.rand(1, 2, 20, 12)
    image[0, :, 3, 7] = torch.tensor([0.25, 0.75])
    removed = torch.ones(1, 1, 20, 12, dtype=torch.bool)
    removed[0, 0, 3, 7] = False
    filled = impute(image, removed, torch.tensor([0.5, 0.5])[:, None, None])
    torch.testing.assert_close(filled[0].mean((1, 2)), torch.tensor([0.25, 0.75]), atol=1e-3, rtol=0)
    torch.testing.assert_close(filled, image[:, :, 3:4, 7:8].expand_as(image), atol=1e-2, rtol=0)


@pytest.mark.parametrize("shape", [(1, 1, 1, 101), (1, 1, 101, 1)])
def test_a_long_hole_is_filled_along_its_whole_length(shape: tuple[int, ...]) -> None:
    """Between 0 and 1 at the ends of a line lies a straight slope, however long the line is, and whichever way it runs."""
    slope = torch.linspace(0, 1, 101).reshape(shape)
    removed = (slope > 0) & (slope < 1)
    filled = impute(slope * ~removed, removed, GREY)
    torch.testing.assert_close(filled, slope, atol=2e-3, rtol=0)


# ---- noise ----


def test_what_is_imputed_has_the_noise_of_its_image_and_what_is_known_has_none() -> None:
    """Grey continues grey, so that nothing but the noise is left."""
    images = torch.full((3, 2, 4, 4), 0.5)
    places = torch.arange(16).reshape(1, 4, 4).expand(3, 4, 4)
    lost = Removed(images, places, Removal(0.5, fill="linear"), GREY, seed=7)
    for batch in (lost[:3], lost[torch.tensor([0, 1, 2])]):
        expected = noise((2, 4, 4), [0, 1, 2], images, seed=7)
        torch.testing.assert_close(batch[:, :, :2] - 0.5, expected[:, :, :2], atol=1e-5, rtol=0)
        assert batch[:, :, 2:].eq(0.5).all()
    other = Removed(images, places, Removal(0.5, fill="linear"), GREY)[:3]
    torch.testing.assert_close(
        other[:, :, :2] - 0.5, noise((2, 4, 4), [0, 1, 2], images, seed=0)[:, :, :2], atol=1e-5, rtol=0
    )


@pytest.mark.parametrize("end", [0.0, 1.0])
def test_noise_does_not_leave_the_range_of_pixels(end: float) -> None:
    images = torch.full((1, 1, 8, 8), end)
    lost = Removed(images, torch.arange(64).reshape(1, 8, 8), Removal(0.9, fill="linear"), GREY)[:1]
    assert float(lost.min()) >= 0
    assert float(lost.max()) <= 1
    assert lost.ne(end).any()


def test_noise_has_a_hundredth_of_the_range_of_pixels_unless_scaled() -> None:
    like = torch.zeros(1)
    drawn = noise((1, 100, 100), [0], like)
    assert float(drawn.std()) == pytest.approx(0.01, rel=0.03)
    assert float(drawn.mean()) == pytest.approx(0, abs=3e-4)
    torch.testing.assert_close(noise((1, 100, 100), [0], like, scale=0.5), 50 * drawn)


def test_no_two_images_share_their_noise() -> None:
    drawn = noise((1, 4, 4), range(100), torch.zeros(1)).flatten(1)
    assert len(drawn.unique(dim=0)) == 100
    torch.testing.assert_close(drawn[40:43], noise((1, 4, 4), [40, 41, 42], torch.zeros(1)).flatten(1))


def test_another_seed_is_other_noise() -> None:
    one, two = (noise((1, 4, 4), [3], torch.zeros(1), seed=seed) for seed in (0, 1))
    assert not torch.equal(one, two)


def test_half_precision_is_imputed_as_single_precision_is() -> None:
    images = torch.rand(1, 1, 12, 12, generator=torch.Generator().manual_seed(0)).half()
    removed = hole(12, 12, *((row, col) for row in range(3, 9) for col in range(3, 9)))
    found = impute(images, removed, GREY.half())
    assert found.dtype == torch.float16
    torch.testing.assert_close(found.float(), impute(images.float(), removed, GREY), rtol=0, atol=1e-3)
