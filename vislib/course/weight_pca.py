"""What belongs to notebook 02: the broad groups of ImageNet's classes, their map, an explorer, and checkers."""

import io
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from vislib import models
from vislib.course.figures import BLUE, GREY, ORANGE, figure, legends
from vislib.course.maps import colour, dots, label, rings, spread_labels
from vislib.course.names import beside, on_page
from vislib.course.verdict import NOT_YET, Verdict, attempt, tensor_verdict
from vislib.embedding import class_weights, nearest

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vislib.course.frame import Explorer

# The thousand classes of ImageNet in broad groups, by index. Animals follow the order of the classes, which is that of
# WordNet's tree; things are alphabetical there, and listed here by name.
_NATURE: dict[str, list[tuple[int, int]]] = {  # first and last index, both included
    "dogs": [(151, 268)],
    "other mammals": [(101, 106), (147, 150), (269, 299), (330, 388)],
    "birds": [(7, 24), (80, 100), (127, 146)],
    "reptiles, amphibians": [(25, 68)],
    "insects, spiders": [(70, 79), (300, 326)],
    "shells, crabs": [(69, 69), (107, 126), (327, 329)],  # and what else has no backbone
    "fish": [(0, 6), (389, 397)],
    "food, plants": [(924, 957), (959, 967), (969, 969), (984, 998)],
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
_ORDER = ("first", "second")
KINDS = ("dogs", "other animals", "food and things")


def groups() -> Tensor:
    """Return the group of each of the 1,000 classes, (1000,), an index into `GROUPS`."""
    return torch.tensor(_by_class())


def kinds() -> Tensor:
    """Return the coarse kind of each of the 1,000 classes, (1000,), an index into `KINDS`."""
    of = groups()
    return (of >= 1).long() + (of >= GROUPS.index("food, plants")).long()


def even_draw(count: int, *, seed: int = 0) -> Tensor:
    """Return the indices of `count` classes of each group, drawn at random, (13 * count,)."""
    generator, of = torch.Generator().manual_seed(seed), groups()
    members = [(of == k).nonzero()[:, 0] for k in range(len(GROUPS))]
    return torch.cat([some[torch.randperm(len(some), generator=generator)[:count]] for some in members])


def cosines(rows: Tensor) -> Tensor:
    """Return the cosine of each pair of different rows (N, D), (N (N - 1) / 2,)."""
    normal: Tensor = rows / rows.norm(dim=1, keepdim=True)
    above = torch.triu_indices(len(rows), len(rows), 1)
    return (normal @ normal.T)[above[0], above[1]]


def heads(*names: str) -> dict[str, Tensor]:
    """Return the last layer's rows (K, D) of each network whose weights are on this machine."""
    here = (name for name in names if models.weights_file(name).exists())
    return {name: class_weights(models.load(name, device="cpu")) for name in here}


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
    size: tuple[float, float] = (9.0, 5.9),
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
    look: Any = {"loc": "outside lower center", "frameon": False, "handletextpad": 0.2, "columnspacing": 1.1}
    made.legend(ncols=5, markerscale=1.4, **look)
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


def one_by_one(
    points: Tensor, groups: Tensor, names: Sequence[str], notes: Sequence[str], *, columns: int = 5
) -> "Figure":
    """Draw the same map (N, 2) once per group, with this group in colour, all others in grey, and a note in the title."""
    rows = -(-len(names) // columns)
    made, axes = figure(rows, columns, (9.0, 2.05 * rows))
    for axis in axes.flat:
        axis.axis("off")
    for k, (axis, name, note) in enumerate(zip(axes.flat, names, notes, strict=False)):
        dots(axis, points, (groups == k).long(), ["others", name], pale="others", size=7)
        axis.set_title(beside(f"{name}\n{note}"), fontsize=11)
    return made


def turned(cloud: Tensor, axes_of: Tensor) -> "Figure":
    """Draw a cloud (N, 2) with its principal axes (2, 2), one a row; the cloud turned onto them; and its shadow on the first."""
    onto = (cloud - cloud.mean(0)) @ axes_of.T
    straight = torch.eye(2)
    views = {
        "the cloud": (cloud - cloud.mean(0), axes_of),
        "turned onto its components": (onto, straight),
        "the first component alone": (onto * straight[0], straight[:1]),
    }
    made, axes = figure(1, 3, (9.0, 3.1))
    for axis, (title, (points, ways)) in zip(axes[0], views.items(), strict=True):
        axis.scatter(*points.T, s=9, color=GREY, linewidths=0, label="points")
        for way, reach, tint, name in zip(ways, 2 * onto.std(0), (BLUE, ORANGE), _ORDER, strict=False):
            ends = torch.stack([-reach * way, reach * way])
            axis.plot(*ends.T, color=tint, linewidth=2.5, label=f"{name} component")
        axis.set(title=title, aspect="equal", xlim=(-5.5, 5.5), ylim=(-4.8, 4.8), xticks=[], yticks=[])
    legends(made, [axes[0, 0]])
    return made


def spread(values: Mapping[str, Tensor], *, xlabel: str) -> "Figure":
    """Draw one row per name: where the middle 98 % and the middle half of its values lie, and their median as a dot."""
    made, axes = figure(1, 1, (8.0, 0.42 * len(values) + 0.9))
    axis = axes[0, 0]
    for row, some in enumerate(values.values()):
        ends = some.double().quantile(torch.tensor([0.01, 0.25, 0.5, 0.75, 0.99], dtype=torch.float64)).tolist()
        axis.plot([ends[0], ends[4]], [row, row], color=BLUE, linewidth=1.5)
        axis.plot([ends[1], ends[3]], [row, row], color=BLUE, linewidth=6, alpha=0.5)
        axis.plot(ends[2:3], [row], "o", color=BLUE, markersize=7)
        axis.annotate(
            f"{abs(ends[2]) if abs(ends[2]) < 0.005 else ends[2]:.2f}",
            (ends[2], row),
            (0, 6),
            textcoords="offset points",
            ha="center",
            fontsize=10,
        )
    axis.set(xlabel=xlabel, ylim=(len(values) - 0.5, -0.7))
    axis.set_yticks(range(len(values)), [beside(name) for name in values])
    axis.grid(axis="x", alpha=0.25)
    return made


def explorer(
    classes: Sequence[str], weights: Tensor, points: Tensor, *, start: str | None = None, k: int = 8
) -> "Explorer":
    """Search a class; see its nearest classes among all rows (K, D) and on the map (K, 2), and where all of them lie.

    A switch says what is compared: the distance between two rows, or their directions, which is the cosine.
    """
    import ipywidgets as widgets

    from vislib.course.frame import SIDE, Explorer, Image, still

    names = [f"{name} ({i})" if classes.count(name) > 1 else name for i, name in enumerate(classes)]
    full = {"distance": nearest(weights, k=k).cpu(), "direction": nearest(normalize(weights, dim=1), k=k).cpu()}
    lists = {way: near.flatten().bincount(minlength=len(names)) for way, near in full.items()}
    plane = nearest(points, k=k).cpu()
    box = widgets.Combobox(
        value=start or names[0],
        options=names,
        ensure_option=True,
        continuous_update=False,
        description="class",
        placeholder="type a few letters",
        layout=widgets.Layout(width="320px"),
    )
    switch = widgets.ToggleButtons(options=list(full), description="nearest by", style={"button_width": "90px"})
    picture = Image(alt="The map, with the class and its nearest in both spaces", width=SIDE)
    table = widgets.HTML()

    def draw(change: Any = None) -> None:
        if box.value not in names:
            return
        i = names.index(box.value)
        one, other = (near[i].tolist() for near in (full[switch.value], plane))
        stay = len(set.intersection(*(set(near[i].tolist()) for near in full.values())))
        picture.value = _marked(points, i, one, other, SIDE)
        table.value = (
            _neighbour_table(names, i, one, other, switch.value, lists[switch.value])
            + f'<p style="font-size:90%">Distance and direction agree on {stay} of {k}.</p>'
        )

    box.observe(draw, "value")
    switch.observe(draw, "value")
    draw()
    page = still(
        bytes(picture.value),
        table.value,
        alt=f"The map with {box.value} and its neighbours marked",
        caption="A still of the explorer: run this cell in JupyterLab to search for a class, and to compare directions.",
    )
    row = widgets.HBox([picture, widgets.VBox([box, switch, table])], layout=widgets.Layout(flex_flow="row wrap"))
    return Explorer([row], "Neighbour explorer", page)


def _neighbour_table(
    names: Sequence[str], i: int, full: Sequence[int], plane: Sequence[int], way: str, lists: Tensor
) -> str:
    """Return the two lists side by side, and in how many of all lists each member of the first stands."""
    rows = "".join(
        f'<tr><td style="text-align:left;padding-right:12px">{on_page(names[a])}{" ●" if a in plane else ""}</td>'
        f'<td style="text-align:left;padding-right:24px">{int(lists[a])}</td>'
        f'<td style="text-align:left">{on_page(names[b])}{" ●" if b in full else ""}</td></tr>'
        for a, b in zip(full, plane, strict=True)
    )
    return (
        f'<table style="font-size:90%;line-height:1.3"><caption style="text-align:left">nearest to <b>'
        f"{on_page(names[i])}</b> (●: in both lists)</caption><tr>"
        f'<th style="text-align:left;padding-right:12px">{_spot(BLUE)} among all weights, by {way}</th>'
        f'<th style="text-align:left;padding-right:24px">lists with it</th>'
        f'<th style="text-align:left">{_spot(ORANGE)} on the map</th></tr>{rows}</table>'
    )


def _spot(colour: str) -> str:
    """Return a dot in a colour, beside a text that keeps the theme's."""
    return f'<span style="color:{colour}">●</span>'


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
    # By length, direction, median and the sum of distances another member is the most typical one.
    rows = ["427", "949", "900", "357", "985", "258", "634", "211", "242", "386", "715", "679"]
    weights = torch.tensor([[float(digit) for digit in row] for row in rows])
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
    lengths = inside.norm(dim=1)
    by_length = [int((lengths - length).abs().argmin()) for length in (0, lengths.mean(), inside.mean(0).norm())]
    if answer in members[by_length].tolist():
        return Verdict("wrong", "You compare lengths; take the length of the difference to the mean.")
    return Verdict("wrong", f"Expected class {int(members[place])}, and yours is {answer}.")


_FARTHEST, _TENTH = 10, 100  # what a notebook prints of an end, and how far the ends reach from which classes are drawn


def unsorted(classes: Sequence[str], along: Tensor, *, count: int = 12, seed: int = 0) -> list[str]:
    """Return classes from both ends of a component (K,) in alphabetical order: half of them low, half high.

    The ten farthest at each end are left out, since a notebook prints them.
    """
    order = along.argsort().tolist()
    ends = (order[_FARTHEST:_TENTH], order[-_TENTH:-_FARTHEST])
    generator = torch.Generator().manual_seed(seed)
    chosen = [end[i] for end in ends for i in torch.randperm(len(end), generator=generator)[: count // 2].tolist()]
    return sorted(classes[k] for k in chosen)


def sorted_by_name(high: Sequence[str] | None, drawn: Sequence[str], classes: Sequence[str], along: Tensor) -> Verdict:
    """Judge which of the drawn classes a reader took for high, by the name of a component (K,) alone."""
    if high is None:
        return Verdict("not attempted", "Not attempted yet: replace None by the names that you take for high.")
    half = len(drawn) // 2
    if len(set(high)) != half or not set(high) <= set(drawn):
        return Verdict("wrong", f"Choose {half} different names of these {len(drawn)}: {', '.join(drawn)}.")
    top = {classes[k] for k in along.argsort()[-_TENTH:].tolist()}
    right = len(top & set(high))
    if right >= half - 1:
        return Verdict("right", f"Right: {right} of {half}; by guessing one gets so many in 4 of 100 tries.")
    return Verdict(
        "wrong", f"{right} of {half} are high, and guessing gives {half / 2:g}: the name does not carry over."
    )
