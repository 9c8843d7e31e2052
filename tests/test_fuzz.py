"""Whatever comes in: a result of the right shape without NaN, or one of the documented errors, and the model as it was.

The routines are found by their signatures (tests/test_check.py), and every argument is drawn at random: mostly one that
fits, often at the end of what fits, sometimes one that does not.
"""

import copy
import inspect
import math
import traceback
import warnings
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from tests import public
from tests.state import unchanged
from tests.test_check import SETS, SIGNATURES, SMALL
from tests.test_pretend_device import _tensors
from vislib import controls, data, gradients, sanity
from vislib.explain import logit, probability
from vislib.fills import NAMES

ROUTINES = [
    name
    for name, asked in SIGNATURES.items()
    if asked.keys() & {"images", "a", "x", *SETS} and name not in ("training.fit_jointly", "embedding.tsne")
]
HEATMAPS = [name for name in ROUTINES if name.startswith(("gradients.", "controls.")) or name == "occlusion.occlusion"]
HEATMAPS = [name for name in HEATMAPS if not name.endswith(("pixel_gradient", "completeness_gap"))]
SLOW = ("sanity.", "reconstruction.", "training.")


def _network() -> nn.Module:
    """Return a network for images of any size."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
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


MODEL = _network()
DTYPES = st.sampled_from([torch.float32] * 12 + [torch.float64, torch.float16, torch.int64, torch.uint8, torch.bool])


@st.composite
def filled(draw: st.DrawFn, shape: tuple[int, ...]) -> Tensor:
    """Return a tensor of random numbers, or of one and the same; now and then with something odd in it."""
    kind = draw(st.sampled_from(["noise"] * 6 + ["zeros", "ones", "grey", "bits", "nan", "inf", "negative", "large"]))
    noise = torch.rand(shape, generator=torch.Generator().manual_seed(draw(st.integers(0, 99))))
    constant = {"zeros": 0.0, "ones": 1.0, "grey": 0.5}
    if kind in constant:
        noise = torch.full(shape, constant[kind])
    elif kind == "bits":
        noise = noise.round()
    elif kind != "noise" and noise.numel():
        noise.flatten()[-1:] = {"nan": math.nan, "inf": math.inf, "negative": -3.0, "large": 255.0}[kind]
    return noise.to(draw(DTYPES))


@st.composite
def pictures(draw: st.DrawFn) -> Any:
    height, width = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    usual = (draw(st.integers(1, 3)), 3, height, width)
    shape = draw(st.sampled_from([usual] * 10 + [usual[1:], (1, *usual), (0, *usual[1:]), (*usual[:3], 0)]))
    return draw(st.one_of(filled(shape), filled(shape), filled(shape), st.sampled_from([None, 3, "cat"])))


COUNT = st.sampled_from([1, 1, 2, 2, 3, 0, -1, 2.0, True, None, "2"])
NUMBER = st.sampled_from([0.0, 0.1, 0.5, 1.0, 3, -0.5, math.nan, math.inf, "much", None])
SIDES = st.one_of(st.integers(0, 6), st.tuples(st.integers(1, 6), st.integers(1, 6)), st.sampled_from([2.0, None]))
FILL = st.one_of(
    st.sampled_from([*NAMES, "blak", 0.5, None]),
    st.sampled_from([lambda x: 1 - x, lambda x: x[..., :1], lambda x: x * math.nan, torch.tensor(0.25), torch.zeros(3, 1, 1)]),
)  # fmt: skip
OPTIONS: dict[str, st.SearchStrategy[Any]] = {
    "patch": SIDES,
    "stride": SIDES,
    "fill": FILL,
    "baseline": FILL,
    "score": st.sampled_from([logit, probability]),
    "incremental": st.booleans(),
    "dtype": st.sampled_from([None, torch.float64, torch.bfloat16, torch.int64, "half"]),
    "batch_size": COUNT | st.none(),
    "n": COUNT,
    "steps": COUNT,
    "epochs": COUNT,
    "seeds": st.sampled_from([2, 2, 2, 1, 0, 2.0, True]),
    "seed": st.integers(0, 5),
    "sigma": NUMBER,
    "size": COUNT | st.just(8),
    "shift": st.sampled_from([0, 1, 3, -1, 1.5]),
    "scale": st.sampled_from([0.0, 0.1, 0.9, 1.0, -0.1, math.nan]),
    "rotate": st.sampled_from([0.0, 10, 180, 200, -1, math.nan]),
    "layer": st.sampled_from(["0", "2", "3", "6", "44"]),
    "blocks": st.sampled_from([None, None, ["0"], ["6", "0"], ["2"], [], "0", ["44"]]),
    "order": st.sampled_from(["output_first", "independent", "input_first"]),
    "similarity": st.sampled_from([sanity.spearman]),
    "absolute": st.booleans(),
    "parametrisation": st.sampled_from(["fourier", "pixels", "fourrier"]),
    "learning_rate": st.sampled_from([0.05, 0.0, -1.0, math.nan]),
    "fitted": st.sampled_from([0.0, 1.0]),
    "k": COUNT,
    "n_components": COUNT,
    "cell": st.sampled_from([1, 2, 16]),
}


@st.composite
def arguments(draw: st.DrawFn, asked: dict[str, inspect.Parameter]) -> dict[str, Any]:
    """Return something for every required parameter, and for some of the options."""
    images = draw(pictures())
    length, shape = (
        (len(images), tuple(images.shape)) if isinstance(images, Tensor) and images.ndim else (2, (2, 3, 4, 4))
    )
    flat = (length, *shape[-2:])
    labels = draw(st.sampled_from([torch.arange(length) % 5] * 3 + [torch.arange(length) + 3, torch.zeros(length)]))
    targets = st.one_of(
        st.integers(-1, 6), st.just(labels), st.sampled_from([1.0, True, None, torch.zeros(7, dtype=torch.int64)])
    )
    maps = filled(draw(st.sampled_from([(2, 12, 13)] * 5 + [(2, 1, 1), (0, 12, 12), (12, 12), (1, 48, 48)])))
    points = filled(draw(st.sampled_from([(6, 4)] * 5 + [(1, 4), (6, 1), (6, 0), (0, 4), (6, 2, 3), (6,)])))
    first = draw(maps)
    x = draw(points)
    made: dict[str, Any] = {
        "model": MODEL,
        "images": images,
        "target": draw(targets),
        "explainer": draw(st.sampled_from([gradients.gradient, controls.sobel, lambda m, i, t: i[:, 0] * math.nan])),
        "explainers": {"gradient": gradients.gradient, "chance": controls.chance},
        "build_model": lambda *seed: copy.deepcopy(MODEL),
        "twins": sanity.Twins([MODEL, MODEL], [MODEL, MODEL]),
        "heat": draw(filled(flat)),
        "masks": draw(st.sampled_from([torch.ones(flat, dtype=torch.bool), torch.zeros(flat, dtype=torch.bool), torch.ones(flat), None])),
        "a": first,
        "b": draw(st.one_of(st.just(first), filled(tuple(first.shape)), maps)),
        "x": x,
        "points": draw(st.one_of(st.just(x), points)),
        "labels": draw(st.sampled_from([torch.arange(len(x)) % 2, torch.arange(3)])),
    }  # fmt: skip
    for name in asked.keys() & SETS:
        pixels = images if isinstance(images, Tensor) else torch.rand(2, 3, 4, 4)
        made[name] = data.ImageSet(
            pixels, torch.arange(len(pixels)) % 5 if len(labels) != len(pixels) else labels, "abcde"
        )
    chosen = {}
    for name, parameter in asked.items():
        required = parameter.default is inspect.Parameter.empty and parameter.kind is not inspect.Parameter.VAR_KEYWORD
        if required:
            chosen[name] = made[name] if name in made else draw(OPTIONS[name])
        elif name in OPTIONS and (name in SMALL or draw(st.integers(0, 3)) == 0):
            chosen[name] = draw(OPTIONS[name])
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
def test_a_result_or_a_documented_error(name: str) -> None:
    routine, asked = public.routines()[name], dict(SIGNATURES[name])

    @settings(
        max_examples=15 if name.startswith(SLOW) else 40,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(arguments(asked))
    def check(chosen: dict[str, Any]) -> None:
        if name.startswith(("sanity.", "training.")):  # a single pixel has no variance, and BatchNorm itself refuses it
            pixels = chosen.get("images", next((chosen[k].images for k in SETS & chosen.keys()), None))
            assume(not isinstance(pixels, Tensor) or pixels.numel() != 3)
        model = copy.deepcopy(MODEL)
        training = name == "training.fit"  # which is meant to change the model
        chosen = {k: model if v is MODEL else v for k, v in chosen.items()}
        with unchanged(nn.Identity() if training else model), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                result = routine(**chosen)
                result = list(result) if inspect.isgenerator(result) else result
            except Exception as error:
                assert _documented(error), f"{type(error).__name__}: {error}"
                return
        for tensor in _tensors(vars(result) if hasattr(result, "__dataclass_fields__") else result):
            assert not bool(tensor.isnan().any()), "NaN"
        if name in HEATMAPS:
            images = chosen["images"]
            assert result.shape == (len(images), *images.shape[-2:])

    check()


def test_an_error_by_accident_is_none_of_the_documented_ones() -> None:
    """The judge can say no: to an error from PyTorch, and to one of a kind that is not documented."""
    for call in (lambda: torch.zeros(2) + torch.zeros(3), lambda: [][0], lambda: int("x")):
        with pytest.raises(Exception) as caught:
            call()
        assert not _documented(caught.value)
