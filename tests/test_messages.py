"""No sentence without its cause: every message of the library is expected by a test that brings it about."""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from torch import Tensor, nn

import vislib
from tests.pretend import to_pretend
from vislib import faithfulness, fills, gradients, roar, sanity
from vislib.course import review
from vislib.data import ImageSet

HERE = Path(__file__).parent
LIBRARY = Path(vislib.__file__).parent
LONG = 14  # characters that a test must quote, and that no other message has


def _texts(node: ast.AST) -> Iterator[str]:
    """The pieces of a text that do not depend on what came."""
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value


def _windows(text: str) -> set[str]:
    return {text[i : i + LONG] for i in range(max(len(text) - LONG, 0) + 1)}


def messages() -> dict[str, list[str]]:
    """Where something is raised, or answered by a checker as wrong -> the pieces of its sentence."""
    found = {}
    for path in sorted(LIBRARY.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            raised = isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)
            pieces = [text for argument in node.exc.args for text in _texts(argument)] if raised else []  # type: ignore[union-attr]
            if any(len(piece) >= 8 for piece in pieces):
                found[f"{path.relative_to(LIBRARY.parent)}:{node.lineno}"] = pieces  # type: ignore[attr-defined]
    return found


def unheard() -> dict[str, list[str]]:
    """Messages of which no test quotes a piece that they have alone."""
    quoted = " \n ".join(
        text.replace("\\", "")
        for path in sorted(HERE.rglob("*.py"))
        for text in _texts(ast.parse(path.read_text(encoding="utf-8")))
        if len(text) < 300
    )
    said = messages()
    own = {place: {w for piece in pieces for w in _windows(piece)} for place, pieces in said.items()}
    count = Counter(window for windows in own.values() for window in windows)
    return {
        place: said[place]
        for place, windows in own.items()
        if not any(window in quoted for window in ({w for w in windows if count[w] == 1} or windows))
    }


# Whose messages are all expected; the others are listed by ``python -m tests.test_messages``.
HEARD = (
    "sanity/",
    "roar/",
    "course/",
    "faithfulness",
    "training",
    "intervals",
    "fills",
    "controls",
    "memory",
    "occlusion",
)


def test_every_message_is_expected_somewhere() -> None:
    assert len(messages()) > 150
    assert {place: said for place, said in unheard().items() if place.removeprefix("vislib/").startswith(HEARD)} == {}


# ---- the few that no other file is about ----


def test_maps_of_two_shapes() -> None:
    with pytest.raises(ValueError, match=r"the maps have shapes \(1, 4, 4\) and \(1, 5, 5\); expected the same"):
        sanity.spearman(torch.rand(1, 4, 4), torch.rand(1, 5, 5))


@pytest.mark.parametrize("seeds", [2.0, "3", None, True])
def test_seeds_that_are_no_number(seeds: Any, cnn: nn.Module, images: Tensor) -> None:
    with pytest.raises(TypeError, match=r"seeds is .*; expected an int of at least 2\."):
        sanity.cascade(cnn, images, 0, gradients.gradient, seeds=seeds)


@pytest.mark.parametrize("answer", [torch.rand(3, 16), torch.rand(3, 3, 16, 16), None, [1.0]])
def test_an_explainer_without_a_heatmap(answer: Any, cnn: nn.Module, images: Tensor) -> None:
    with pytest.raises(ValueError, match=r"the explainer returned .*; expected a heatmap of shape \(3, 16, 16\)"):
        faithfulness.deletion(cnn, images, 0, lambda *asked: answer)


def test_heatmaps_with_nan_are_ranked_by_nothing(cnn: nn.Module, images: Tensor) -> None:
    heat = images.mean(1).index_fill(1, torch.tensor([2]), torch.nan)
    data = ImageSet(images, torch.tensor([0, 1, 2]), "abcde")
    with pytest.raises(ValueError, match=r"the heatmaps of 'holes' contain NaN; expected a number for every pixel"):
        roar.road(cnn, {"holes": heat}, data)


def test_a_test_that_the_board_has_not() -> None:
    table = pd.DataFrame(
        [{"explainer": "a", "test": "deletion", "value": 1.0, "low": 0.0, "high": 2.0, "verdict": "better"}]
    )
    with pytest.raises(ValueError, match=r"the table has no test 'insertion'; expected some of deletion"):
        review.explorer(table, {"insertion": "higher is better"})


def test_a_fill_on_another_device(images: Tensor, pretend: torch.device) -> None:
    with pytest.raises(ValueError, match=r"the fill is on cpu and images on pretend:0; expected both on one device"):
        fills.canvas(torch.zeros(3, 16, 16), to_pretend(images))


if __name__ == "__main__":
    for place, pieces in unheard().items():
        print(place, " … ".join(pieces))
    print(len(unheard()), "of", len(messages()))
