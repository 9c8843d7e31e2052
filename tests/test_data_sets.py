"""Data sets: what is in them, that they are the same every time, and what happens when they are asked for nonsense."""

import gzip
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from vislib import data
from vislib.data import COLOURS, OBJECTS, TASKS, TEXTURES, ImageSet, digits, fashion_mnist, shapes


@pytest.fixture(scope="module")
def drawn() -> ImageSet:
    return shapes(216, seed=3)


def test_the_same_seed_draws_the_same_images_and_another_one_does_not(drawn: ImageSet) -> None:
    again = shapes(216, seed=3)
    assert torch.equal(drawn.images, again.images)
    assert drawn.masks is not None
    assert again.masks is not None
    assert torch.equal(drawn.masks, again.masks)
    assert not torch.equal(drawn.images, shapes(216, seed=4).images)


def test_the_first_images_of_a_longer_set_are_the_shorter_set(drawn: ImageSet) -> None:
    short = shapes(50, seed=3)
    assert torch.equal(short.images, drawn.images[:50])
    assert torch.equal(short.labels, drawn.labels[:50])


def test_the_global_random_state_and_the_threads_are_left_alone() -> None:
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    shapes(5, seed=1, shortcut=0.5)
    digits()
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads


def test_all_tasks_have_the_same_images(drawn: ImageSet) -> None:
    for label, classes in TASKS.items():
        task = shapes(216, seed=3, label=label)
        assert torch.equal(task.images, drawn.images)
        assert task.classes == classes
        assert torch.equal(task.labels, drawn.attributes[label])


def test_every_combination_occurs_equally_often(drawn: ImageSet) -> None:
    a = drawn.attributes
    combination = (a["object"] * 3 + a["texture"]) * 6 + a["colour"]
    assert combination.bincount(minlength=108).tolist() == [2] * 108


def test_pixels_shapes_and_types(drawn: ImageSet) -> None:
    assert drawn.images.shape == (216, 3, 64, 64)
    assert drawn.images.dtype == torch.float32
    assert 0 <= float(drawn.images.min()) < float(drawn.images.max()) <= 1
    assert drawn.masks is not None
    assert drawn.masks.shape == (216, 64, 64)
    assert drawn.masks.dtype == torch.bool
    assert drawn.labels.dtype == torch.int64


def test_the_mask_has_the_colour_of_the_object(drawn: ImageSet) -> None:
    assert drawn.masks is not None
    hues = torch.tensor([0, 60, 120, 180, 240, 300.0])
    for image, mask, colour in zip(drawn.images, drawn.masks, drawn.attributes["colour"], strict=True):
        inner = image[:, mask].median(1).values  # the outline is blended with the background
        assert float((image[:, mask] - inner[:, None]).abs().amax(0).gt(1e-4).float().mean()) < 0.45
        difference = (_hue(inner) - hues[colour] + 180) % 360 - 180
        assert abs(float(difference)) < 12


def _hue(rgb: Tensor) -> Tensor:
    red, green, blue = rgb
    return torch.atan2(math.sqrt(3) * (green - blue), 2 * red - green - blue).rad2deg()


def test_outlines_are_what_their_names_say() -> None:
    """The mask is compared with a polygon drawn by another routine, at the place and angle that the attributes name."""
    from skimage.draw import polygon2mask

    big = shapes(108, size=128, seed=1)
    assert big.masks is not None
    for i in range(108):
        name = OBJECTS[int(big.labels[i])]
        row, col, radius, angle = (float(big.attributes[a][i]) for a in ("row", "col", "radius", "angle"))
        inside = np.zeros((128, 128), dtype=bool)
        for corners, on in _polygons(name):
            x = np.cos(angle) * corners[:, 0] - np.sin(angle) * corners[:, 1]
            y = np.sin(angle) * corners[:, 0] + np.cos(angle) * corners[:, 1]
            points = np.stack([row + radius * y, col + radius * x], 1) - 0.5  # pixel centres lie at whole numbers there
            inside[polygon2mask((128, 128), points)] = on
        mask = big.masks[i].numpy()
        assert (mask & inside).sum() / (mask | inside).sum() > 0.93, name


def _polygons(name: str) -> list[tuple[np.ndarray, bool]]:
    def round_about(k: int, radii: list[float], start: float = 0.0) -> np.ndarray:
        angles = start + 2 * np.pi * np.arange(k) / k
        return np.stack([np.cos(angles), np.sin(angles)], 1) * np.resize(radii, k)[:, None]

    tip = math.sqrt(math.pi / (5 * 0.45 * math.sin(math.pi / 5)))
    arm = math.sqrt(math.pi / (4 * (2 * 0.34 - 0.34**2)))
    outer = 1 / math.sqrt(1 - 0.55**2)
    cross = [(1, 0.34), (0.34, 0.34), (0.34, 1), (-0.34, 1), (-0.34, 0.34), (-1, 0.34)]
    return {
        "circle": [(round_about(90, [1]), True)],
        "square": [(round_about(4, [math.sqrt(math.pi / 2)], math.pi / 4), True)],
        "triangle": [(round_about(3, [math.sqrt(4 * math.pi / (3 * math.sqrt(3)))], math.pi / 2), True)],
        "star": [(round_about(10, [tip, 0.45 * tip], math.pi / 2), True)],
        "cross": [(arm * np.array([*cross, *((-x, -y) for x, y in cross)]), True)],
        "ring": [(round_about(90, [outer]), True), (round_about(90, [0.55 * outer]), False)],
    }[name]


def test_area_does_not_tell_the_kind_of_object() -> None:
    many = shapes(540, seed=0)
    assert many.masks is not None
    share = many.masks.float().mean((1, 2)) / (math.pi * (many.attributes["radius"] / 64) ** 2)
    for k in range(len(OBJECTS)):
        assert float(share[many.labels == k].mean()) == pytest.approx(1, abs=0.02)


def test_no_object_leaves_the_image_or_its_reach(drawn: ImageSet) -> None:
    assert drawn.masks is not None
    border = drawn.masks.clone()
    border[:, 1:-1, 1:-1] = False
    assert not bool(border.any())
    at = torch.arange(64) + 0.5
    row, col, radius = (drawn.attributes[name][:, None, None] for name in ("row", "col", "radius"))
    distance = torch.hypot(at[:, None] - row, at - col)
    assert not bool((drawn.masks & (distance > data.REACH * radius)).any())


def test_brightness_does_not_tell_the_texture() -> None:
    many = shapes(1080, size=32, seed=5, label="texture")
    light = many.images.mean((1, 2, 3))
    means = [float(light[many.labels == k].mean()) for k in range(len(TEXTURES))]
    assert max(means) - min(means) < 0.15 * float(light.std())


def test_a_shortcut_changes_the_corner_only(drawn: ImageSet) -> None:
    marked = shapes(216, seed=3, shortcut=1.0)
    changed = (marked.images != drawn.images).any(1)
    assert bool(changed[:, :12, :12].any())
    assert not bool(changed[:, 12:].any())
    assert not bool(changed[:, :, 12:].any())
    assert marked.masks is not None
    assert not bool(marked.masks[:, :12, :12].any())
    for k in range(6):  # one die per class, and no two alike
        corner = marked.images[marked.labels == k][:, 0, :12, :12]
        assert bool((corner == corner[0]).all())
        assert int((corner[0] == 0).sum()) == 4 * (k + 1)


def test_a_shortcut_tells_the_label_with_the_chosen_probability() -> None:
    for truthful, n in ((0.0, 108), (0.8, 2160), (1.0, 108)):
        marked = shapes(n, size=16, shortcut=truthful)
        share = float((marked.attributes["mark"] == marked.labels).float().mean())
        assert share == pytest.approx(truthful, abs=0.03)
    lies = shapes(540, size=16, shortcut=0.0)
    offset = (lies.attributes["mark"] - lies.labels) % 6
    assert int(offset.bincount(minlength=6)[1:].min()) > 75  # uniform over the five others: 108 each
    assert shapes(4, size=16).attributes["mark"].tolist() == [-1] * 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0}, "n is 0"),
        ({"n": 1, "size": 8}, "size 8"),
        ({"n": 1, "label": "size"}, "'size'; expected one of object, texture, colour"),
        ({"n": 1, "shortcut": 1.5}, "shortcut is 1.5"),
    ],
)
def test_shapes_refuses_nonsense(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        shapes(**arguments)  # type: ignore[arg-type]


def test_digits_are_shuffled_balanced_and_in_range() -> None:
    d = digits()
    assert d.images.shape == (5000, 1, 28, 28)
    assert (float(d.images.min()), float(d.images.max())) == (0, 1)
    assert d.labels.bincount().tolist() == [500] * 10
    assert int(d.labels[:100].bincount(minlength=10).max()) < 30  # the file is sorted
    d.images.zero_()
    assert float(digits().images.max()) == 1  # a reader's change does not reach the copy that is kept


def test_split_gives_every_image_once(drawn: ImageSet) -> None:
    first, second, rest = drawn.split(100, 50)
    assert [len(part) for part in (first, second, rest)] == [100, 50, 66]
    assert torch.equal(torch.cat([first.images, second.images, rest.images]), drawn.images)
    assert torch.equal(rest.attributes["angle"], drawn.attributes["angle"][150:])
    for lengths in ((), (0, 5), (216,)):
        with pytest.raises(ValueError, match="expected positive lengths"):
            drawn.split(*lengths)


def test_indexing_keeps_everything_together(drawn: ImageSet) -> None:
    red = drawn[drawn.attributes["colour"] == COLOURS.index("red")]
    assert len(red) == 36
    assert red.attributes["colour"].tolist() == [0] * 36
    assert torch.equal(drawn[[3, 1]].labels, drawn.labels[[3, 1]])


def _of_four() -> ImageSet:
    images = torch.arange(4.0)[:, None, None, None].expand(4, 3, 2, 2)
    return ImageSet(images, torch.tensor([1, 3, 3, 0]), "abcd", images[:, 0] > 1, {"size": torch.arange(4)})


BOOLS = [False, True, True, False]


@pytest.mark.parametrize("kind", [list, tuple, np.array, torch.tensor, lambda b: list(np.array(b))])
@pytest.mark.parametrize("bools", [BOOLS, [True] * 4, [False] * 4])
def test_bools_of_any_kind_choose(kind: Any, bools: list[bool]) -> None:
    chosen = [i for i, b in enumerate(bools) if b]
    found = _of_four()[kind(bools)]
    assert found.images[:, 0, 0, 0].tolist() == found.attributes["size"].tolist() == chosen
    assert found.masks is not None
    assert len(found.masks) == len(found.labels) == len(chosen)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64, np.uint64])
def test_ints_of_any_kind_are_indices(dtype: Any) -> None:
    """Four small ints for four images, which PyTorch would take for bools if they are bytes."""
    index = np.array([0, 1, 1, 0], dtype)
    for given in (index, torch.from_numpy(index), index.tolist()):
        assert _of_four()[given].images[:, 0, 0, 0].tolist() == [0, 1, 1, 0]
    assert len(_of_four()[[]]) == 0
    assert _of_four()[range(3, 0, -2)].labels.tolist() == [0, 3]


@pytest.mark.parametrize(
    "index",
    [2, np.int64(3), torch.tensor(2), np.array(1), True, np.True_, "a", None, ..., [0.0, 1.0], [[0, 1]], BOOLS[:3],
     [BOOLS], torch.tensor([0.0]), np.array([1, "a"], object)],
    ids=repr,
)  # fmt: skip
def test_what_chooses_no_images_is_refused(index: Any) -> None:
    with pytest.raises(TypeError, match=r"expected a slice such as data\[2:3\], several ints, or 4 bools"):
        _of_four()[index]


def test_lengths_that_differ_are_refused(drawn: ImageSet) -> None:
    with pytest.raises(ValueError, match="labels has length 3 for 216 images"):
        ImageSet(drawn.images, drawn.labels[:3], drawn.classes)
    with pytest.raises(ValueError, match="masks has length 3"):
        ImageSet(drawn.images, drawn.labels, drawn.classes, drawn.images[:3, 0] > 0)


def _write_idx(file: Path, array: np.ndarray) -> None:
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, dtype=">i4").tobytes()
    file.write_bytes(gzip.compress(header + array.tobytes()))


def test_fashion_mnist_reads_a_local_copy(tmp_path: Path) -> None:
    pixels = np.arange(2 * 28 * 28, dtype=np.uint8).reshape(2, 28, 28)
    _write_idx(tmp_path / "t10k-images-idx3-ubyte.gz", pixels)
    _write_idx(tmp_path / "t10k-labels-idx1-ubyte.gz", np.array([9, 2], dtype=np.uint8))
    clothes = fashion_mnist(train=False, folder=tmp_path)
    assert torch.equal((clothes.images[:, 0] * 255).round().byte(), torch.from_numpy(pixels))
    assert [clothes.classes[k] for k in clothes.labels] == ["Ankle boot", "Pullover"]
    with pytest.raises(RuntimeError, match=r"train-images-idx3.* is missing or broken"):
        fashion_mnist(folder=tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(b"not an array")
    with pytest.raises(RuntimeError, match=r"labels-idx1.* is missing or broken"):
        fashion_mnist(train=False, folder=tmp_path)
