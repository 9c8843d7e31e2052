"""What belongs to notebook 02: the broad groups of ImageNet's classes, their map, an explorer, and checkers."""

import io
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from vislib.course.figures import figure
from vislib.course.maps import colour, dots, label, rings, spread_labels
from vislib.course.names import on_page
from vislib.course.verdict import NOT_YET, Verdict, attempt, tensor_verdict
from vislib.embedding import nearest

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vislib.course.frame import Explorer

# The thousand classes of ImageNet in broad groups, by index. Animals follow the order of the classes, which is that of
# WordNet's tree; things are alphabetical there, and listed here by name.
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


def groups() -> Tensor:
    """Return the group of each of the 1,000 classes, (1000,), an index into `GROUPS`."""
    return torch.tensor(_by_class())


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


def scatter(
    points: Tensor,
    groups: Tensor,
    names: Sequence[str],
    *,
    pale: str | None = None,
    words: Mapping[int, str] | None = None,
    xlabel: str = "",
    ylabel: str = "",
    size: tuple[float, float] = (9.0, 6.4),
) -> "Figure":
    """Draw points (N, 2) in the colour of their group, each group's name at its middle, and a ring and a name for some.

    Args:
        points: (N, 2).
        groups: (N,), indices into `names`.
        names: of the groups; an empty one is not written.
        pale: a group to draw in pale grey, below the others.
        words: point -> what to write beside it; a line leads from the name to the point.
        xlabel, ylabel: of the axes.
        size: of the figure, in inches.
    """
    made, axes = figure(1, 1, size)
    axis = axes[0, 0]
    dots(axis, points, groups, names, pale=pale, size=22)
    axis.set(xlabel=xlabel, ylabel=ylabel)
    labels = []
    for k, name in enumerate(names):
        inside = points[groups == k].cpu()
        if name and len(inside):
            middle = inside.median(0).values
            labels.append(label(axis, middle, name, colour(k, name, names, pale), bold=True, above=0))
    words = words or {}
    ringed = rings(axis, points, list(words))
    labels += [label(axis, at, word, "black", bold=False) for at, word in zip(ringed, words.values(), strict=True)]
    spread_labels(made, axis, labels, ringed)
    return made


def explorer(
    classes: Sequence[str], weights: Tensor, points: Tensor, *, start: str | None = None, k: int = 8
) -> "Explorer":
    """Search a class; see its nearest classes among the weights (K, D) and on the map (K, 2), and where all of them lie."""
    import ipywidgets as widgets

    from vislib.course.frame import SIDE, Explorer, still

    names = [f"{name} ({i})" if classes.count(name) > 1 else name for i, name in enumerate(classes)]
    full, plane = nearest(weights, k=k).cpu(), nearest(points, k=k).cpu()
    box = widgets.Combobox(
        value=start or names[0],
        options=names,
        ensure_option=True,
        continuous_update=False,
        description="class",
        placeholder="type a few letters",
        layout=widgets.Layout(width="320px"),
    )
    picture = widgets.Image(format="png", layout=widgets.Layout(width=f"{SIDE}px", height=f"{SIDE}px"))
    table = widgets.HTML()

    def draw(change: Any = None) -> None:
        if box.value not in names:
            return
        i = names.index(box.value)
        picture.value = _marked(points, i, full[i].tolist(), plane[i].tolist(), SIDE)
        table.value = _neighbour_table(names, i, full[i].tolist(), plane[i].tolist())

    box.observe(draw, "value")
    draw()
    page = still(
        bytes(picture.value),
        table.value,
        alt=f"The map with {box.value} and its neighbours marked",
        caption="A still of the explorer: run this cell in JupyterLab to search for a class.",
    )
    row = widgets.HBox([picture, widgets.VBox([box, table])], layout=widgets.Layout(flex_flow="row wrap"))
    return Explorer([row], "Neighbour explorer", page)


def _neighbour_table(names: Sequence[str], i: int, full: Sequence[int], plane: Sequence[int]) -> str:
    rows = "".join(
        f'<tr><td style="padding-right:24px">{on_page(names[a])}{" ●" if a in plane else ""}</td>'
        f"<td>{on_page(names[b])}{' ●' if b in full else ''}</td></tr>"
        for a, b in zip(full, plane, strict=True)
    )
    return (
        f'<table style="font-size:90%;line-height:1.3"><caption style="text-align:left">nearest to <b>'
        f"{on_page(names[i])}</b> (●: in both lists)</caption><tr>"
        f'<th style="text-align:left;color:#0072b2">among all weights</th>'
        f'<th style="text-align:left;color:#d55e00">on the map</th></tr>{rows}</table>'
    )


def _marked(points: Tensor, chosen: int, full: Sequence[int], plane: Sequence[int], side: int) -> bytes:
    """Draw all points in grey, the chosen one in black, and its neighbours of both kinds: discs and rings."""
    from PIL import Image, ImageDraw

    large = 2 * side  # and made smaller in the end, without jagged edges
    scale = 0.94 * large
    at = points.detach().cpu().double()
    at = (at - at.amin(0)) / (at.amax(0) - at.amin(0)).clamp(min=1e-12)
    x, y = (0.03 * large + scale * at[:, 0]).tolist(), (0.97 * large - scale * at[:, 1]).tolist()
    picture = Image.new("RGB", (large, large), "white")
    pen = ImageDraw.Draw(picture)
    for j in range(len(at)):
        pen.circle((x[j], y[j]), 3, fill="#c8c8c8")
    for j in full:
        pen.circle((x[j], y[j]), 7, fill="#0072b2")
    for j in plane:
        pen.circle((x[j], y[j]), 10, outline="#d55e00", width=3)
    pen.circle((x[chosen], y[chosen]), 8, fill="black")
    file = io.BytesIO()
    picture.resize((side, side), Image.Resampling.LANCZOS).save(file, "PNG")
    return file.getvalue()


def check_explained(function: Callable[[Tensor], Tensor | None]) -> Verdict:
    """Check `explained(x)`: the share of the variance along each principal component of points (N, D), largest first."""
    x = torch.randn(40, 5, generator=torch.Generator().manual_seed(0)) * torch.tensor([3.0, 1, 2, 1, 1]) + 4

    def shares(values: Tensor) -> Tensor:
        return values / values.sum()

    centred = torch.linalg.svdvals(x - x.mean(0))
    expected = shares(centred**2)
    answer = attempt(function, x.clone())
    if bad := tensor_verdict(answer, (5,)):
        return bad
    answer = answer.float()
    if torch.allclose(answer, expected, atol=1e-4):
        return Verdict(
            "right", "Right: the squares of the singular values of the centred points, divided by their sum."
        )
    if torch.allclose(answer, shares(torch.linalg.svdvals(x) ** 2), atol=1e-4):
        return Verdict("wrong", "You have not subtracted the mean: the first component then only points at it.")
    if torch.allclose(answer, shares(centred), atol=1e-4):
        return Verdict("wrong", "You use the singular values themselves; a variance is a square.")
    if torch.allclose(shares(answer), expected, atol=1e-4):
        return Verdict("wrong", "These are variances, not shares: divide by their sum.")
    return Verdict("wrong", f"The first share is {float(expected[0]):.3f}, and yours is {float(answer[0]):.3f}.")


def check_typical(function: Callable[[Tensor, Tensor], int | None]) -> Verdict:
    """Check `typical(weights, members)`: which of the members (indices) lies closest to the members' mean."""
    members = torch.tensor([4, 8, 11, 7, 2, 9, 5])
    weights = torch.full((12, 3), 12.0)
    weights[members] = torch.tensor([0, 1, 2, 3.2, 9, 10, 11])[:, None]
    weights[0] = 5.2  # no member, and closer to their mean than any of them
    inside = weights[members]
    place = int((inside - inside.mean(0)).norm(dim=1).argmin())
    answer = attempt(function, weights.clone(), members.clone())
    if answer is None or isinstance(answer, Verdict):
        return NOT_YET if answer is None else answer
    if isinstance(answer, Tensor) and answer.numel() == 1:
        answer = answer.item()
    if not isinstance(answer, int):
        return Verdict("wrong", f"Your function returns a {type(answer).__name__}; expected one index, an int.")
    if answer == int(members[place]):
        return Verdict("right", "Right: the member closest to the mean of its group.")
    if answer == place:
        return Verdict("wrong", "You return the position within the members; look up which class that is.")
    if answer == int((weights - inside.mean(0)).norm(dim=1).argmin()):
        return Verdict("wrong", "The class you found is not a member; search among the members only.")
    if answer == int(members[int((inside - weights.mean(0)).norm(dim=1).argmin())]):
        return Verdict("wrong", "You compare with the mean of all classes; take the mean of the members.")
    return Verdict("wrong", f"Expected class {int(members[place])}, and yours is {answer}.")
