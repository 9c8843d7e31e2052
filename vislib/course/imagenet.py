"""The thousand classes of ImageNet in broad groups, by index, for colouring maps.

Animals follow the order of the classes, which is that of WordNet's tree; things are alphabetical there, and listed here
by name.
"""

from functools import cache

import torch
from torch import Tensor

_NATURE: dict[str, list[tuple[int, int]]] = {  # first and last index, both included
    "dogs": [(151, 268)],
    "other mammals": [(101, 106), (147, 150), (269, 299), (330, 388)],
    "birds": [(7, 24), (80, 100), (127, 146)],
    "reptiles": [(25, 68)],  # and amphibians
    "insects": [(70, 79), (300, 326)],  # and spiders
    "shells, crabs": [(69, 69), (107, 126), (327, 329)],  # and what else has no backbone
    "fish": [(0, 6), (389, 397)],
    "food": [(924, 957), (959, 967), (969, 969), (984, 998)],  # and the plants that it comes from
}

_THINGS: dict[str, str] = {
    "vehicles": """aircraft carrier, airliner, airship, ambulance, amphibian, balloon, beach wagon, bicycle-built-for-two, bobsled,
        bullet train, cab, canoe, catamaran, container ship, convertible, dogsled, electric locomotive, fireboat, fire engine,
        forklift, freight car, garbage truck, go-kart, golfcart, gondola, half track, harvester, horse cart, jeep, jinrikisha,
        lifeboat, limousine, liner, minibus, minivan, Model T, moped, motor scooter, mountain bike, moving van, oxcart,
        passenger car, pickup, police van, racer, recreational vehicle, school bus, schooner, snowmobile, snowplow,
        space shuttle, speedboat, sports car, steam locomotive, streetcar, submarine, tank, tow truck, tractor, trailer truck,
        tricycle, trimaran, trolleybus, unicycle, warplane, yawl""",
    "places": """altar, apiary, bakery, bannister, barbershop, barn, beacon, bell cote, boathouse, bookshop,
        breakwater, butcher shop, castle, church, cinema, cliff dwelling, confectionery, dam, dock, dome, drilling platform,
        fountain, greenhouse, grocery store, library, lumbermill, megalith, mobile home, monastery, mosque, mountain tent,
        obelisk, palace, patio, pier, planetarium, prison, restaurant, shoe shop, steel arch bridge, stone wall, stupa,
        suspension bridge, thatch, tile roof, tobacco shop, totem pole, toyshop, triumphal arch, vault, viaduct, water tower,
        yurt, alp, cliff, coral reef, geyser, lakeside, promontory, sandbar, seashore, valley, volcano""",
    "instruments": """accordion, acoustic guitar, banjo, bassoon, cello, chime, cornet, drum, electric guitar, flute,
        French horn, gong, grand piano, harmonica, harp, maraca, marimba, oboe, ocarina, organ, panpipe, sax, steel drum,
        trombone, upright, violin""",
    "clothing": """abaya, academic gown, apron, bathing cap, bearskin, bib, bikini, bolo tie, bonnet, bow tie, brassiere,
        bulletproof vest, cardigan, cloak, clog, cowboy boot, cowboy hat, crash helmet, diaper, feather boa, football helmet,
        fur coat, gown, hoopskirt, jean, jersey, kimono, knee pad, lab coat, Loafer, mask, military uniform, miniskirt, mitten,
        mortarboard, necklace, overskirt, pajama, poncho, running shoe, sandal, sarong, shower cap, ski mask, sock, sombrero,
        stole, suit, sunglass, sunglasses, sweatshirt, swimming trunks, trench coat, vestment, wig, Windsor tie""",
}
_TWICE = {"maillot": (638, 639)}  # two classes have this name
OTHER = "other things"

GROUPS = (*_NATURE, *_THINGS, OTHER)


@cache
def _by_class() -> tuple[int, ...]:
    from vislib.models.pretrained import imagenet_classes

    classes = imagenet_classes()
    group = [GROUPS.index(OTHER)] * len(classes)
    for name, ranges in _NATURE.items():
        for first, last in ranges:
            group[first : last + 1] = [GROUPS.index(name)] * (last + 1 - first)
    for name, members in _THINGS.items():
        for member in members.split(","):
            group[classes.index(" ".join(member.split()))] = GROUPS.index(name)
    for indices in _TWICE.values():
        for k in indices:
            group[k] = GROUPS.index("clothing")
    return tuple(group)


def groups() -> Tensor:
    """Return the group of each of the 1,000 classes, (1000,), an index into `GROUPS`."""
    return torch.tensor(_by_class())
