"""A number that a notebook states is printed there, or stands in a stored table, or is measured here.

What is typed into a sentence stays as it is when a table changes. So each decimal number, each percentage and each
*n of m* of the text is looked for in what the notebook's cells say and print; the others are listed in `STATED`, with
what they come from, or in `CHOSEN`: settings, definitions, and facts that have a source.
"""

import json
import math
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from flashcards import collection
from tests.notebooks import PATHS, read
from vislib import data, models, occlusion
from vislib.course.results import stored
from vislib.embedding import class_weights
from vislib.fills import gaussian
from vislib.models import Classifier

Values = tuple[Any, ...]
_MARKUP = re.compile(r"<!--.*?-->|```.*?```|\$[^$]*\$|`[^`]*`|\]\([^)]*\)|https?:\S+|<[^>]*>", re.DOTALL)
_NUMBER = r"\d+(?:\.\d+)?"
_FINDING = re.compile(
    rf"(?<![\w.])(?:\d+\.\d+|{_NUMBER}(?= ?%)|\d+(?= of (?:the |their )?\d)|(?<=\d of )\d+)(?!\d|,\d)"
)


def claim(name: str) -> pd.DataFrame:
    return stored(f"claims/{name}")


def ends(column: "pd.Series[float]") -> Values:
    """The least and the largest."""
    return column.min(), column.max()


def percent(*values: float) -> Values:
    return tuple(100 * value for value in values)


@cache
def imagenet() -> Classifier:
    return models.load("efficientnet_lite0", device="cpu")


@torch.no_grad()
def logits(photo: str) -> Tensor:
    model = imagenet()
    answers: Tensor = model(model.preprocess(data.photo(photo)))[0]
    return answers


def first_map() -> Values:
    model = imagenet()
    camera = model.preprocess(data.photo("cameraman"))
    heat = occlusion.occlusion(model, camera, model.index("tripod"), patch=32, stride=16, fill="black")
    return (heat.max().item(),)


def estimate() -> Values:
    areas = claim("taxonomy.estimate")
    return (areas.votes - areas.occlusion).abs().max(), (areas.random - areas.occlusion).mean()


def beagle() -> Values:
    rows = normalize(class_weights(imagenet()), dim=1)
    cosine = float(rows[imagenet().index("beagle")] @ rows[imagenet().index("basset")])
    return cosine, math.degrees(math.acos(cosine))


def dogs_among_dogs() -> Values:
    dogs = claim("weights.kennel").query("network == 'efficientnet_lite0'").dogs
    return len(dogs), int((dogs >= 4).sum())


def thinned(column: str) -> Values:
    return percent(
        *claim("weights.thinned").query("network == 'efficientnet_lite0'").groupby("dogs")[column].mean()[[60, 30]]
    )


def probed(label: str) -> Values:
    return ends(claim("activations.probe").query("label == @label").relu)


def shapley() -> Values:
    drawn = claim("occlusion.together").query("method == 'shapley'")
    return ends(pd.concat([drawn.black, drawn.noise]))


def palace() -> Values:
    return tuple(claim("gradients.blob").query("photo == 'palace'").cam.nlargest(2)[::-1])


def signed() -> Values:
    signs = claim("gradients.signs").signs
    others = signs[signs.abs() > 0.3]
    return (signs.abs() <= 0.3).sum(), len(signs), -others.min(), others.max()


def of_ten_classes() -> Values:
    noise = claim("reconstruction.noise")
    return int((noise.moved < 0.1).sum()), len(noise), noise.moved.max()


def told_apart() -> Values:
    """The rule of the claim, if it holds everywhere."""
    assert claim("gradients.tells").held.all()
    return 15, 16


def still(way: str, *targets: str) -> Values:
    return tuple(
        claim("reconstruction.keeps").query("parametrisation == @way").set_index("target").still_moved[list(targets)]
    )


def penalised() -> Values:
    found = claim("reconstruction.penalised").set_index(["target", "weight"])
    return found.rough["strawberry", 100], found.rough["strawberry", 1000], found.moved.max()


def filled() -> Values:
    nine_tenths = stored("roar_filled").query("fraction == 0.9").groupby("explainer").accuracy.mean()
    return percent(nine_tenths["gradient"], nine_tenths["random"])


def kept_without_zeros() -> Values:
    against = stored("sanity_labels").groupby(["against", "method"]).absolute.mean()
    return tuple(against["permuted", method] / against["true", method] for method in ("gradient", "smoothgrad"))


def colourful() -> Values:
    scenes = data.shapes(216, seed=9)
    places = gaussian((scenes.images.amax(1) - scenes.images.amin(1))[:, None], 3.0)[:, 0].flatten(1).argmax(1)
    return (100 * scenes.masks.flatten(1).gather(1, places[:, None]).bool().float().mean().item(),)


def brief() -> Values:
    found = stored("transformers_brief")
    later = [share / even for k in (1, 2, 3) for share, even in zip(found[f"block_{k}"], found.even, strict=True)]
    less = [times for times in later if times <= 2]
    return *percent(*ends(found.accuracy)), len(later) - len(less), len(later), min(less), max(less)


def both_transformers() -> float:
    (share,) = set(stored("weights_transformers").accuracy.round(2))
    return float(share)


def of_72(change: str) -> Values:
    """From the share that the notebook prints."""
    (share,) = {
        found
        for cell in read(PATHS[10]).cells
        for found in re.findall(rf"{change} +(\d\.\d\d)(?: +0\.\d\d){{3}}", str(cell))
    }
    return (72 * float(share),)


def yellow() -> Values:
    shapes = data.shapes(540, seed=1, label="colour", device="cpu")
    colours = models.trained("shapes_colour", device="cpu")
    with torch.no_grad():
        named = colours(shapes.images).argmax(1) == colours.index("yellow")
    return int(named.sum()), len(named)


def at_least(bound: float, column: "pd.Series[float]") -> Values:
    """The bound, in a hundred, if it holds."""
    assert column.min() >= bound
    return percent(bound)


STATED: dict[str, dict[str, Callable[[], Values]]] = {
    "00_start_here": {
        "colour bar: it ends at {:.2f}": first_map,
        "({:.2f} at most, tried at every eighth row": lambda: tuple(
            claim("start.piece").query("fill == 'black'").square
        ),
        "*tripod* keeps {:.2f}": lambda: tuple(claim("start.covers").query("fill == 'gray'").legs),
        "it hides {:.1f} %": lambda: percent(50 * 70 / 224**2),
    },
    "01_explanation_taxonomy": {
        "calls {} of {} drawings *yellow*": yellow,
        "painted over, {:.0f} to {:.0f} % of the pictures": lambda: percent(*ends(claim("taxonomy.default").share)),
        "right in {:.0f} or {:.0f} of 100": lambda: percent(
            *ends(stored("patches").query("task == 'tiles' and patch == 13").accuracy)
        ),
        "by {:.2f} at most; a random map is {:.1f} worse": estimate,
    },
    "02_weight_pca": {
        "have {:.2f}: an angle of {:.0f} degrees": beagle,
        "Of the {} dogs, {} have at least four dogs": dogs_among_dogs,
        "about {:.0f} % with 60, and {:.0f} % with 30": lambda: thinned("map"),
        "60 dogs keep {:.0f} %, and 30 keep {:.0f} %": lambda: thinned("directions"),
        "(by chance {:.0f}, {:.0f} and {:.0f} %)": lambda: percent(*((n - 1) / (881 + n) for n in (118, 60, 30))),
    },
    "03_activation_tsne": {
        "texture {:.2f} to {:.2f}": lambda: probed("texture"),
        "colour {:.2f} to {:.2f}": lambda: probed("colour"),
        "know the digit in {:.0f} of 100 cases": lambda: percent(claim("activations.digits").pca[0]),
        "a similarity of 0.1 is a distance of {:.1f} in the data, and {:.0f} on the map": lambda: (
            math.log(10) ** 0.5,
            9**0.5,
        ),
        "on the digits {:.2f} against {:.2f}": lambda: tuple(claim("activations.digits")[["tsne", "pca"]].mean()),
    },
    "04_occlusion": {"({:.2f} to {:.2f} over two draws of four orders": shapley},
    "05_gradients": {
        "agree in {:.0f} to {:.0f} % of the cases": lambda: percent(*ends(claim("gradients.beside").neighbours)),
        "between them in {:.0f} to {:.0f} %": lambda: percent(*ends(claim("gradients.beside").two_apart)),
        "side of their mean in {:.0f} to {:.0f} %": lambda: percent(*ends(claim("gradients.grain").photograph)),
        "by {:.2f} to {:.2f} on the ten photographs": lambda: ends(claim("gradients.jumps").noise_2),
        "by {:.2f} on the cat": lambda: tuple(claim("gradients.shape").query("photo == 'cat'").alike),
        "still off by up to {:.0f} %": lambda: percent(claim("gradients.steps").gap_64.max()),
        "{:.2f} and {:.2f} with two of its five": palace,
        "in {} of the {} pairs (−0.3 to 0.3)": lambda: signed()[:2],
        "go from −{:.2f} (the palace) to {:.2f}": lambda: signed()[2:],
        "at least {} of {} scenes": told_apart,
        "with a logit of {:.1f}": lambda: (logits("hopper").max().item(),),
        "follows with {:.1f}": lambda: (logits("hopper").topk(2).values[1].item(),),
        "correlate by {:.2f} to {:.2f}": lambda: ends(claim("gradients.absurd").absurd),
        "above 0.9 in {} of the {} pairs": lambda: (
            (claim("gradients.absurd").absurd > 0.9).sum(),
            len(claim("gradients.absurd")),
        ),
    },
    "06_input_reconstruction": {
        "{} of {} such pictures have less than 0.1 after the random moves, and one has more than half (a *goldfish*, {:.2f})": (
            of_ten_classes
        ),
        "{:.0f} to {:.0f} times as strong as fast ones": lambda: ends(claim("reconstruction.grain").photo),
        "to about {:.2f}, and what you see is still noise": lambda: penalised()[:1],
        "With weight 1000 the roughness is {:.2f}": lambda: penalised()[1:2],
        "keeps most after the moves, {:.2f}": lambda: penalised()[2:],
        "second network and keep {:.2f} and {:.2f}": lambda: still("fourier", "volcano", "goldfish"),
        "plain noise, too, but keeps {:.2f}": lambda: still("pixels", "volcano"),
        "keep only {:.2f} to {:.2f} of their spread": lambda: ends(claim("reconstruction.pale").colour_early),
    },
    "07_sanity_checks": {"they keep {:.1f} and {:.1f}": kept_without_zeros},
    "08_roar": {
        "next to nothing left ({:.2f})": lambda: tuple(
            stored("roar_without_truth").query("explainer == 'object' and fraction == 0.1").accuracy
        ),
        "it reads {:.0f}, and random pixels leave it {:.0f}": filled,
    },
    "09_review": {"the object in {:.0f} of 100 pictures": colourful},
    "10_transformers": {
        "both name {:.0f} of 100": lambda: percent(both_transformers()),
        "texture networks at most {:.1f} times": lambda: (claim("attention.task").query("training > 0").texture.max(),),
        "at least {:.0f} of 100 did": lambda: at_least(0.95, claim("attention.even")["last"]),
        "all five trainings, at least {:.0f} of 100 stay": lambda: at_least(0.9, claim("attention.carried")["last"]),
        "same class in {:.0f} of 72 pictures": lambda: of_72("even"),
        "in the last block, {:.0f} of 72 answers stay": lambda: of_72("nothing"),
        "in only {:.0f} to {:.0f} of 100 pictures": lambda: brief()[:2],
        "{} of {} have more than twice": lambda: brief()[2:4],
        "the other three {:.1f} to {:.1f} times": lambda: brief()[4:],
    },
}
"""Notebook -> a part of its text, and the numbers for its gaps."""

CHOSEN = [
    "Apache License 2.0",
    "Apache 2.0",
    "CC BY 2.0",
    r"\d\.\d Gi?B of memory",
    "about 1.3 million labelled photographs",  # Russakovsky et al. 2015
    "(?:highest|lowest|those|cover) 30 %",
    "to the power 1.25",
    "the thin one 98 of 100",  # what a figure draws
    "version 3 of 2020",
    "With r = 0.65 that is 0.42",  # its square
    r"nearly as near \(1.5 times\)",
    "by the whole 95 % interval",
]


def text(path: Path) -> str:
    """Return what a notebook says in words, in one line."""
    return " ".join("\n\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown").split())


def printed(path: Path) -> set[str]:
    """Return the numbers in a notebook's code and outputs."""
    cells = [cell for cell in read(path).cells if cell.cell_type == "code"]
    outputs = [json.dumps([o.get("text", ""), o.get("metadata", ""), plain(o)]) for cell in cells for o in cell.outputs]
    return set(re.findall(_NUMBER, " ".join([*(cell.source for cell in cells), *outputs])))


def plain(output: Any) -> str:
    return re.sub(r"data:[^\"']*", "", "".join(output.get("data", {}).get("text/html", "")))


def unsupported(said: str, known: set[str]) -> list[str]:
    """Return the findings in a text that no known number comes to when it is rounded."""
    found = []
    for match in _FINDING.finditer(_MARKUP.sub(" ", said)):
        digits = len(match[0].partition(".")[2])
        share = match.string[match.end() :].lstrip().startswith("%")
        fit = {f"{float(number):.{digits}f}" for number in known if len(number.partition(".")[2]) >= digits}
        fit |= {f"{100 * float(number):.{digits}f}" for number in known if share and "." in number}
        if match[0] not in fit:
            found.append(match.string[max(match.start() - 40, 0) : match.end() + 30])
    return found


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_every_number_of_a_finding_is_printed_or_has_its_table(path: Path) -> None:
    said = text(path)
    for part in STATED[path.stem]:
        said = re.sub(re.sub(r"\\{[^{}]*\\}", lambda _: _NUMBER, re.escape(part)), " ", said)
    for part in CHOSEN:
        said = re.sub(part, " ", said)
    assert unsupported(said, printed(path)) == []


@pytest.mark.parametrize(("notebook", "part"), [(notebook, part) for notebook in STATED for part in STATED[notebook]])
def test_what_is_stated_is_what_its_table_says(notebook: str, part: str) -> None:
    stated = part.format(*STATED[notebook][part]())
    assert stated in text(next(path for path in PATHS if path.stem == notebook))


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_every_number_of_a_card_stands_in_its_notebook(path: Path) -> None:
    deck = collection.load(path.stem)
    said = " ".join(deck.path.read_text(encoding="utf-8").split())
    assert unsupported(said, printed(path) | set(re.findall(_NUMBER, text(path)))) == []


@pytest.mark.parametrize(
    ("known", "told"),
    [
        ("0.366 12 15 0.4049", []),
        ("0.36 12 15 0.4049", ["0.37"]),
        ("0.4 12 15 0.4049", ["0.37"]),  # no number with fewer digits
        ("0.366 13 15 0.4049", ["12 of"]),
        ("0.366 12 15 0.39", ["40 %"]),
    ],
)
def test_a_number_from_nowhere_is_found(known: str, told: list[str]) -> None:
    said = "It falls by 0.37, in 12 of 15 pictures, or 40 %. About `0.5`, or $0.2$ of a [map](https://arxiv.org/abs/1701.01234)."
    found = unsupported(said, set(known.split()))
    assert [part in line for part, line in zip(told, found, strict=True)] == len(told) * [True]
