"""The broad groups of the thousand classes, checked by names that everybody would sort in the same way."""

import pytest

from vislib.course import weight_pca
from vislib.models.pretrained import imagenet_classes

MEMBERS = {
    "dogs": "Chihuahua, Mexican hairless, beagle, toy poodle",  # the first and the last class of the range among them
    "other mammals": "timber wolf, dingo, tabby, tusker, koala, grey whale, sea lion, giant panda, wood rabbit, meerkat",
    "birds": "cock, great grey owl, black grouse, black swan, white stork, albatross",
    "reptiles": "European fire salamander, tree frog, sidewinder, African crocodile, triceratops",
    "insects": "harvestman, centipede, tiger beetle, lycaenid, monarch",
    "shells, crabs": "trilobite, jellyfish, isopod, starfish, sea cucumber, snail",
    "fish": "tench, stingray, barracouta, puffer",
    "food": "guacamole, custard apple, carbonara, red wine, eggnog, rapeseed, corn, ear, mushroom, pizza",
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
    assert (sizes["dogs"], sizes["birds"], sizes["vehicles"], sizes["food"]) == (118, 59, 66, 59)


def test_the_ranges_end_where_the_kind_ends() -> None:
    classes = imagenet_classes()
    groups = [weight_pca.GROUPS[k] for k in weight_pca.groups().tolist()]
    borders = {classes[i]: (groups[i - 1], groups[i]) for i in range(1, 398) if groups[i] != groups[i - 1]}
    assert borders["Chihuahua"] == ("other mammals", "dogs")
    assert borders["timber wolf"] == ("dogs", "other mammals")
    assert borders["cock"] == ("fish", "birds")
    assert borders["European fire salamander"] == ("birds", "reptiles")
    assert borders["black grouse"] == ("insects", "birds")
    assert borders["tusker"] == ("birds", "other mammals")
    assert borders["tiger beetle"] == ("other mammals", "insects")
    assert borders["barracouta"] == ("other mammals", "fish")
