"""What the explorers of the first page answer from, without a kernel: ``python -m tools.make_explorers [broken] [holes]``.

*broken*: the maps of one photograph while the network is made random block by block, and how alike they are to the first
one, from the table of notebook 07. *holes*: digits and which pixels go when a method ranks them, with the accuracies of
notebook 08. (The patch over the tripod has its own tool, `make_patch`.)
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from matplotlib import colormaps
from PIL import Image
from torch import Tensor

from experiments import roar, sanity
from tools import vendor
from vislib.course import results, sanity_checks
from vislib.course.encoding import encoded_image
from vislib.course.figures import SIGNED, UNSIGNED, clipped
from vislib.roar import removal
from vislib.roar.sweep import mean_colour
from vislib.sanity import randomised

OUT = vendor.ROOT / "docs" / "explorers"
PHOTO, SEED = "cat", 0
SIDE, COLUMNS = 112, 5  # of a map in pixels, and how many lie beside each other in a method's picture
NAMES = sanity_checks.NAMES | {"sobel": "edges (no network)"}
DIGITS = 5  # the first unseen one of each of the classes from 0 on


def broken(out: Path = OUT) -> dict[str, Any]:
    """Write the maps, a picture per method, and return what stands beside them."""
    model, photos, target = sanity.asked()
    place = sanity.PHOTOS.index(PHOTO)
    one, named = photos[place, None], target[place, None]
    networks = [model, *(network for _, network in randomised(model, photos, seed=SEED))]
    for method, explainer in sanity.EXPLAINERS.items():
        heat = torch.cat([explainer(network, one, named).detach() for network in networks])
        sheet(heat).save(out / f"{method}.webp", quality=70, method=6)
    (out / f"{PHOTO}.jpg").write_bytes(encoded_image(photos[place], "JPEG"))
    return likeness()


def likeness() -> dict[str, Any]:
    """Return for each method the Spearman correlations of the stored table, from no block random to all of them."""
    table, floor = results.stored("sanity"), results.stored("sanity_floor")
    place = sanity.PHOTOS.index(PHOTO)
    methods = {}
    for method, name in NAMES.items():
        rows = table[table.method == method].sort_values("depth")
        rows = rows.assign(here=rows.spearman.str[place], mean=rows.spearman.map(np.mean))
        methods[method] = {
            "name": name,
            "here": [1.0, *rows[rows.seed == SEED].here],
            "mean": [1.0, *rows.groupby("depth")["mean"].mean().round(3)],
            "floor": round(float(floor[floor.method == method].spearman.map(np.mean).mean()), 3),
        }
    return {"photo": PHOTO, "columns": COLUMNS, "methods": methods}


def sheet(heat: Tensor) -> Image.Image:
    """Return maps (N, H, W) as one picture, row after row, each map cut at its 99th percentile and made smaller."""
    small = F.adaptive_avg_pool2d(clipped(heat)[:, None], SIDE)[:, 0]
    signed = bool((heat < 0).any())
    values = ((small + 1) / 2 if signed else small).numpy()
    shades = np.asarray(colormaps[SIGNED if signed else UNSIGNED](values))[..., :3]
    rows = -(-len(shades) // COLUMNS)
    whole = np.ones((rows * COLUMNS, SIDE, SIDE, 3))
    whole[: len(shades)] = shades
    joined = whole.reshape(rows, COLUMNS, SIDE, SIDE, 3).transpose(0, 2, 1, 3, 4).reshape(rows * SIDE, -1, 3)
    return Image.fromarray((joined * 255).round().astype(np.uint8))


def holes() -> dict[str, Any]:
    """Return digits, for each method the fraction at which a pixel goes, and the accuracies of the stored tables."""
    train, test = roar.sets("digits")
    few = [int((test.labels == digit).nonzero()[0]) for digit in range(DIGITS)]
    network, images, labels = roar.base("digits"), test.images[few], test.labels[few]
    methods = {}
    for name, explainer in (roar.METHODS | roar.CONTROLS).items():
        ranks = removal.ranks(explainer(network, images, labels).detach(), SEED)
        stays = torch.stack([~removal.Removal(fraction).removed(ranks) for fraction in roar.FRACTIONS]).sum(0)
        gone = ["".join(map(str, image.flatten().tolist())) for image in stays]
        methods[name] = {"name": "edges (Sobel)" if name == "sobel" else name, "gone": gone, **accuracies(name)}
    shades = (images * 15).round().int()
    return {
        "side": images.shape[-1],
        "fractions": roar.FRACTIONS,
        "colour": round(float(mean_colour(train.images)), 3),
        "digits": ["".join(f"{shade:x}" for shade in image.flatten().tolist()) for image in shades],
        "labels": labels.tolist(),
        "methods": methods,
    }


def accuracies(explainer: str) -> dict[str, list[float]]:
    """Return the stored accuracies at each fraction, means over the seeds: retrained, and of the holes alone."""

    def means(table: pd.DataFrame) -> list[float]:
        return list(table[table.explainer == explainer].groupby("fraction").accuracy.mean().round(3))

    return {"retrained": means(results.stored("roar_digits")), "alone": means(results.stored("roar_digits_masks"))}


MADE: Mapping[str, Callable[[], dict[str, Any]]] = {"broken": broken, "holes": holes}


def main(arguments: Sequence[str]) -> None:
    """Make some of the explorers' files anew, or all."""
    OUT.mkdir(exist_ok=True)
    for name in arguments or MADE:
        made = json.dumps(MADE[name](), separators=(",", ":"), ensure_ascii=False)
        (OUT / f"{name}.json").write_text(made + "\n", encoding="utf-8")
    print(f"{OUT.relative_to(vendor.ROOT)}: {sum(file.stat().st_size for file in OUT.iterdir()) // 1024} KB")


if __name__ == "__main__":
    main(sys.argv[1:])
