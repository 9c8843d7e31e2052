"""The broad groups of the thousand classes, checked by names that everybody would sort in the same way."""

from typing import Any

import numpy as np
import pytest
import torch

from vislib import models
from vislib.course import weight_pca
from vislib.embedding import pca
from vislib.models.pretrained import imagenet_classes

MEMBERS = {
    "dogs": "Chihuahua, Mexican hairless, beagle, toy poodle",  # the first and the last class of the range among them
    "other mammals": "timber wolf, dingo, tabby, tusker, koala, grey whale, sea lion, giant panda, wood rabbit, meerkat",
    "birds": "cock, great grey owl, black grouse, black swan, white stork, albatross",
    "reptiles, amphibians": "European fire salamander, tree frog, sidewinder, African crocodile, triceratops",
    "insects, spiders": "harvestman, centipede, tiger beetle, lycaenid, monarch",
    "shells, crabs": "trilobite, jellyfish, isopod, starfish, sea cucumber, snail",
    "fish": "tench, stingray, barracouta, puffer",
    "food, plants": "guacamole, custard apple, carbonara, red wine, eggnog, rapeseed, corn, ear, mushroom, pizza",
    "vehicles": "school bus, canoe, airliner, tank, mountain bike, space shuttle",
    "places": "castle, church, volcano, lakeside, palace, alp",
    "instruments": "violin, drum, oboe, grand piano",
    "clothing": "kimono, maillot, sock, sombrero, sunglasses",
    "other things": "toaster, web site, hay, cup, plate, bubble, ballplayer, scuba diver, tripod, toilet tissue",
}


def _names(group: str) -> list[str]:
    classes = imagenet_classes()
    return [classes[k] for k in (weight_pca.groups() == weight_pca.GROUPS.index(group)).nonzero()[:, 0].tolist()]


@pytest.mark.parametrize("group", weight_pca.GROUPS)
def test_well_known_members(group: str) -> None:
    missing = {name.strip() for name in MEMBERS[group].split(",")} - set(_names(group))
    assert not missing


def test_every_class_has_one_group_and_the_sizes_are_those_of_the_text() -> None:
    sizes = dict(zip(weight_pca.GROUPS, weight_pca.groups().bincount(minlength=13).tolist(), strict=True))
    assert sum(sizes.values()) == 1000
    assert (sizes["dogs"], sizes["birds"], sizes["vehicles"], sizes["food, plants"]) == (118, 59, 66, 59)


def test_the_ranges_end_where_the_kind_ends() -> None:
    classes = imagenet_classes()
    groups = [weight_pca.GROUPS[k] for k in weight_pca.groups().tolist()]
    borders = {classes[i]: (groups[i - 1], groups[i]) for i in range(1, 398) if groups[i] != groups[i - 1]}
    assert borders["Chihuahua"] == ("other mammals", "dogs")
    assert borders["timber wolf"] == ("dogs", "other mammals")
    assert borders["cock"] == ("fish", "birds")
    assert borders["European fire salamander"] == ("birds", "reptiles, amphibians")
    assert borders["black grouse"] == ("insects, spiders", "birds")
    assert borders["tusker"] == ("birds", "other mammals")
    assert borders["tiger beetle"] == ("other mammals", "insects, spiders")
    assert borders["barracouta"] == ("other mammals", "fish")


def test_kinds_are_unions_of_groups() -> None:
    kinds, groups = weight_pca.kinds(), weight_pca.groups()
    assert [len(kinds[groups == k].unique()) for k in range(13)] == [1] * 13
    names = {
        weight_pca.KINDS[int(kinds[groups == k][0])]: name for k, name in reversed([*enumerate(weight_pca.GROUPS)])
    }
    assert names == {"dogs": "dogs", "other animals": "other mammals", "food and things": "food, plants"}


def test_an_even_draw_has_as_many_of_each_group_and_no_class_twice() -> None:
    drawn = weight_pca.even_draw(7, seed=3)
    assert len(drawn.unique()) == 91
    assert weight_pca.groups()[drawn].bincount().tolist() == [7] * 13
    assert not torch.equal(drawn, weight_pca.even_draw(7, seed=4))


def test_cosines_are_those_of_each_pair_whatever_the_lengths() -> None:
    rows = torch.tensor([[2.0, 0], [0, 5], [-3, 0], [1, 1]])
    half = 0.5**0.5
    assert weight_pca.cosines(rows).tolist() == pytest.approx([0, -1, half, 0, half, -half])


def test_a_head_that_is_not_here_is_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    heads = weight_pca.heads(models.DEFAULT, "mobilenet_v2")
    assert {name: tuple(rows.shape) for name, rows in heads.items()} == {models.DEFAULT: (1000, 1280)}


def test_a_turned_cloud_lies_along_the_axes() -> None:
    cloud = torch.randn(50, 2, generator=torch.Generator().manual_seed(7)) @ torch.tensor([[0.2, 0.9], [1.5, 0.1]])
    first, second, third = weight_pca.turned(cloud + 3, pca(cloud).components).axes
    onto, shadow = (torch.tensor(np.asarray(axis.collections[0].get_offsets())) for axis in (second, third))
    assert abs(float(torch.corrcoef(onto.T)[0, 1])) < 1e-4
    assert onto[:, 0].std() > onto[:, 1].std()
    assert not shadow[:, 1].any()
    assert [len(axis.lines) for axis in (first, second, third)] == [2, 2, 1]


def test_a_name_for_an_axis_is_judged_by_the_classes_that_it_sorts() -> None:
    classes = [f"class {k}" for k in range(1000)]
    along = torch.randn(1000, generator=torch.Generator().manual_seed(5))
    drawn = weight_pca.unsorted(classes, along, seed=2)
    order = [classes[k] for k in along.argsort()]
    assert drawn == sorted(drawn)
    assert not set(drawn) & {*order[:10], *order[-10:], *order[100:-100]}
    high = [name for name in drawn if name in order[-100:]]
    low = [name for name in drawn if name not in high]
    assert len(high) == len(low) == 6
    for guess, state in ((None, "not attempted"), (high, "right"), (low, "wrong"), ([*high[:5], low[0]], "right")):
        assert weight_pca.sorted_by_name(guess, drawn, classes, along).state == state
    assert weight_pca.sorted_by_name([*high[:4], *low[:2]], drawn, classes, along).message.startswith("4 of 6")
    for odd in (high[:5], [*high[:5], high[0]], [*high[:5], "tench"]):
        assert "Choose 6 different names" in weight_pca.sorted_by_name(odd, drawn, classes, along).message
