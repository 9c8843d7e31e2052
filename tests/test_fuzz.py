"""Whatever fits comes out: a result of the right shape without NaN, and the model as it was.

The routines are found by their signatures (tests/calls.py), and every argument is drawn: one that fits, often at the end of
what fits. What does not fit is the business of tests/test_check.py; here a refusal in words is no failure, but each routine
must come to a result in most of its examples. Drawn by the date; `make test-all` draws more, and anew in every run.
"""

import copy
import inspect
import traceback
import warnings
from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, seed, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from tests import public
from tests.calls import SETS, SIGNATURES, SMALL
from tests.conftest import THOROUGH
from tests.drawn import day
from tests.routines import tensors
from tests.state import unchanged
from vislib import controls, data, gradients, nets, sanity
from vislib.course import networks
from vislib.explain import logit, probability
from vislib.fills import NAMES

ROUTINES = [
    name
    for name, asked in SIGNATURES.items()
    if asked.keys() & {"images", "a", "x", *SETS} and name not in ("networks.fit_jointly", "embedding.tsne")
]
HEATMAPS = [
    name
    for name in ROUTINES
    if name.startswith(("gradients.", "controls.", "attention.")) or name == "occlusion.occlusion"
]
HEATMAPS = [name for name in HEATMAPS if not name.endswith(("pixel_gradient", "completeness_gap"))]
FEWER = ("sanity.", "reconstruction.", "training.", "roar.")  # of those that take long


def _network(seed: int = 0) -> nn.Module:
    """Return a network for images of any size."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Dropout(0.5),
            nn.Linear(4, 5),
        )
    return network.eval()


# Transformers and the networks that explain themselves have one size, and their routines take no other network.
MODELS: dict[str, nn.Module] = {
    "networks.patch_evidence": networks.PatchEvidenceNet(classes=5, width=4).eval(),
    "networks.learned_mask": networks.SelfExplainingNet(classes=5, size=16, width=4).eval(),
    "networks.learned_words": networks.SelfExplainingNet(classes=5, size=16, width=4).eval(),
}
VIT = nets.SmallViT(classes=5, size=16, width=8, depth=2, heads=2).eval()
MODELS |= {name: VIT for name in ROUTINES if name.startswith("attention.")}
MODEL = _network()
SIDE = st.integers(6, 12)
FILL = st.sampled_from([*NAMES, lambda x: 1 - x, torch.tensor(0.25), torch.zeros(3, 1, 1)])
PATCHES = st.one_of(st.integers(1, 6), st.tuples(st.integers(1, 6), st.integers(1, 6)))
FEW = st.integers(1, 3) | st.integers(1, 3).map(np.int64)
OPTIONS: dict[str, st.SearchStrategy[Any]] = {
    "patch": PATCHES,
    "stride": st.just(1),
    "fill": FILL,
    "baseline": FILL.filter(lambda fill: fill != "inpaint" if isinstance(fill, str) else True),
    "score": st.sampled_from([logit, probability]),
    "incremental": st.booleans(),
    "dtype": st.sampled_from([None, torch.float64, torch.bfloat16]),
    "batch_size": FEW | st.none(),
    "n": FEW,
    "samples": FEW,
    "steps": FEW,
    "epochs": st.just(1),
    "seeds": st.just(2),
    "jobs": st.just(1),
    "seed": st.integers(0, 5) | st.integers(0, 5).map(np.int64),
    "sigma": st.sampled_from([0.0, 0.1, 1.0, 3]),
    "size": st.integers(2, 12),
    "shift": st.sampled_from([0, 1, 3]),
    "scale": st.sampled_from([0.0, 0.1, 0.9]),
    "rotate": st.sampled_from([0.0, 10, 180]),
    "layer": st.sampled_from(["0", "1", "2"]),
    "block": st.sampled_from([-2, -1, 0, 1]),
    "head": st.sampled_from([None, 0, 1]),
    "blocks": st.sampled_from([None, ["0"], ["6", "0"]]),
    "order": st.sampled_from(["output_first", "independent"]),
    "similarity": st.just(sanity.spearman),
    "absolute": st.booleans(),
    "parametrisation": st.sampled_from(["fourier", "pixels"]),
    "learning_rate": st.sampled_from([0.05, 0.001]),
    "fitted": st.just(0.0),
    "k": FEW,
    "n_components": FEW,
    "cell": st.sampled_from([1, 2, 4]),
}
# By topic, where it takes less or other things than the others.
OPTIONS_OF = {
    "roar": {
        "batch_size": FEW,
        "fill": st.sampled_from(["mean", "linear"]),
        "order": st.sampled_from(["both", "most_first", "least_first"]),
    },
    "training": {"batch_size": FEW},
    "sanity": {"batch_size": FEW},
}


@st.composite
def pixels(draw: st.DrawFn, *shape: int) -> Tensor:
    """Return noise in [0, 1], or one and the same, or nothing but black and white."""
    kind = draw(st.sampled_from(["noise", "noise", "noise", "zeros", "ones", "grey", "bits"]))
    noise = torch.rand(shape, generator=torch.Generator().manual_seed(draw(st.integers(0, 99))))
    constant = {"zeros": 0.0, "ones": 1.0, "grey": 0.5}
    return torch.full(shape, constant[kind]) if kind in constant else noise.round() if kind == "bits" else noise


@st.composite
def arguments(draw: st.DrawFn, name: str) -> dict[str, Any]:
    """Return something that fits for every required parameter, and for some of the options."""
    asked, topic = SIGNATURES[name], name.split(".")[0]
    fixed = name in MODELS
    shape = (draw(FEW), 3, 16, 16) if fixed else (draw(FEW), 3, draw(SIDE), draw(SIDE))
    noise = torch.rand(shape, generator=torch.Generator().manual_seed(draw(st.integers(0, 99))))
    # A constant image has no variance and no edges, its gap to a constant baseline is 0 / 0.
    images = (
        noise if topic in ("sanity", "roar", "training") or name.endswith("completeness_gap") else draw(pixels(*shape))
    )
    flat, labels = (len(images), *shape[-2:]), torch.arange(len(images)) % 5
    maps = (2, 12, 13)
    x = draw(pixels(24, 4)) + torch.rand(24, 4, generator=torch.Generator().manual_seed(draw(st.integers(0, 99))))
    made: dict[str, Any] = {
        "model": MODELS.get(name, MODEL),
        "images": images,
        "target": draw(st.one_of(st.integers(0, 4), st.just(labels))),
        "explainer": draw(st.sampled_from([gradients.gradient, controls.sobel])),
        "explainers": {"gradient": gradients.gradient, "chance": controls.chance},
        "build_model": _network,
        "twins": sanity.Twins([MODEL, MODEL], [MODEL, MODEL]),
        "heat": draw(pixels(*flat)),
        "masks": torch.ones(flat, dtype=torch.bool),
        "a": draw(pixels(*maps)),
        "b": draw(pixels(*maps)),
        "x": x,
        "points": x,
        "labels": torch.arange(len(x)) % 2,
        **{of: data.ImageSet(images, labels, "abcde") for of in SETS},
    }
    chosen = {}
    for parameter in asked.values():
        options = OPTIONS | OPTIONS_OF.get(topic, {})
        required = parameter.default is inspect.Parameter.empty and parameter.kind is not inspect.Parameter.VAR_KEYWORD
        if required:
            chosen[parameter.name] = made[parameter.name] if parameter.name in made else draw(options[parameter.name])
        elif parameter.name in options and (parameter.name in {*SMALL, "jobs", "cell"} or draw(st.booleans())):
            chosen[parameter.name] = draw(options[parameter.name])
    return chosen


def _documented(error: Exception) -> bool:
    """Whether an error is one of ours: of a documented kind, raised on purpose, and of one sentence."""
    source = traceback.extract_tb(error.__traceback__)[-1]
    said = str(error)
    return (
        type(error) in (ValueError, TypeError)
        and "/vislib/" in source.filename
        and "\n" not in said
        and ("expected" in said or "did you mean" in said)
    )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ROUTINES)
def test_what_fits_comes_out(name: str) -> None:
    routine = public.routines()[name]
    came: Counter[str] = Counter()

    @settings(max_examples=(settings().max_examples + 3) // 4 if name.startswith(FEWER) else settings().max_examples)
    @given(arguments(name))
    def check(chosen: dict[str, Any]) -> None:
        model = copy.deepcopy(MODELS.get(name, MODEL))
        training = name == "training.fit"  # which is meant to change the model
        chosen = {k: model if isinstance(v, nn.Module) else v for k, v in chosen.items()}
        with unchanged(nn.Identity() if training else model), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                result = routine(**chosen)
                result = list(result) if inspect.isgenerator(result) else result
            except (ValueError, TypeError) as error:
                if not _documented(error):
                    raise
                came[str(error)] += 1
                return
        came["a result"] += 1
        for tensor in tensors(vars(result) if hasattr(result, "__dataclass_fields__") else result):
            assert not bool(tensor.isnan().any()), "NaN"
        if name in HEATMAPS:
            assert result.shape == (len(chosen["images"]), *chosen["images"].shape[-2:])

    (check if THOROUGH else seed(day().toordinal())(check))()
    assert came["a result"] >= 0.75 * came.total(), came


def test_an_error_by_accident_is_none_of_the_documented_ones() -> None:
    """The judge can say no: to an error from PyTorch, and to one of a kind that is not documented."""
    for call in (lambda: torch.zeros(2) + torch.zeros(3), lambda: [][0], lambda: int("x")):
        with pytest.raises(Exception) as caught:
            call()
        assert not _documented(caught.value)
