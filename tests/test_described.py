"""A figure says what is drawn, and says something else when something else is drawn."""

from typing import Any

import pytest
import torch
from torch import Tensor

from vislib.course import figures, maps, review, roar, sanity_checks, weight_pca
from vislib.course.described import described, peaks, place
from vislib.course.scoreboard import scoreboard


def _with_peak(y: int, x: int, value: float) -> Tensor:
    heat = torch.zeros(1, 9, 9)
    heat[0, y, x] = value
    return heat


@pytest.mark.parametrize(
    ("y", "x", "where"),
    [(0, 0, "at the top left"), (8, 8, "at the bottom right"), (4, 4, "in the middle"), (4, 0, "at the left"), (8, 4, "at the bottom")],
)  # fmt: skip
def test_a_map_names_its_peak_and_where_it_lies(y: int, x: int, where: str, images: Tensor) -> None:
    said = described(figures.heatmaps(images[:1], {"black": _with_peak(y, x, 0.25)}, label="drop"))
    assert f"black: largest value 0.25 {where}. colours: drop from -0.25 to 0.25." in said


@pytest.mark.parametrize(
    ("heat", "said"),
    [
        (torch.zeros(3, 3), "0 everywhere"),
        (torch.full((3, 3), torch.nan), "no value is known"),
        (torch.tensor([[1.0, torch.nan], [torch.inf, -2.0]]), "largest value 1 at the top left, smallest -2 at the bottom right"),
        (torch.ones(1, 1), "1 everywhere"),
        (torch.eye(9)[[8, 8, 8]].T.contiguous(), "largest value 1 at the bottom"),  # three as high
    ],
)  # fmt: skip
def test_unusual_maps_are_told_truly(heat: Tensor, said: str) -> None:
    assert peaks(heat) == said


def test_a_point_is_placed_as_a_reader_sees_it() -> None:
    assert place(0.1, 0.9) == "at the top left"
    assert place(0.5, 0.1) == "at the bottom"


def test_each_part_of_a_grid_is_told_once(images: Tensor) -> None:
    """Pictures in a row are counted, maps in a row belong to the row's name, and what is alike is not said again."""
    three = images[:1].expand(3, -1, -1, -1)
    heat = torch.cat([_with_peak(0, 0, 0.5), _with_peak(0, 0, 0.5), _with_peak(8, 4, 0.25)])
    said = described(figures.heatmaps(three, {"noise": heat}, label="drop"))
    corner, bottom = "largest value 0.5 at the top left", "largest value 0.25 at the bottom"
    assert said == f"3 pictures. noise: 2 times {corner}; {bottom}. colours: drop from -0.5 to 0.5."
    titled = described(figures.heatmaps(three, {"noise": heat, "blur": heat}, label="drop", titles=["a", "b", "c"]))
    assert titled.startswith(
        f"3 pictures: a; b; c. noise: 2 times {corner}; {bottom}. blur: 2 times {corner}; {bottom}."
    )


def test_what_all_panels_share_is_told_before_them() -> None:
    made, axes = figures.figure(1, 2, (4, 2))
    for axis, title, height in zip(axes[0], ("ring", "star"), (0.75, 0.5), strict=True):
        axis.set_title(title)
        axis.plot([0, 1], [0.25, 0.25], label="guessing")
        axis.plot([0, 1], [0.25, height], label="learned")
    once = "In each panel: guessing at 0.25. ring: learned from 0.25 to 0.75. star: learned from 0.25 to 0.5."
    assert described(made) == once


def test_curves_and_bars_tell_their_ends_and_heights() -> None:
    curve = described(
        figures.lines([0, 1, 2], {"up": [0, 0.75, 0.5]}, xlabel="layer", ylabel="accuracy", ticks=["a", "b", "c"])
    )
    assert "up from 0 to 0.5, highest 0.75 at b" in curve
    bars = described(figures.bars({"network": [0.5, 0.25]}, ["map", "all"], ylabel="share", floor=0.1))
    assert "network: map 0.5, all 0.25" in bars
    assert "at 0.1" in bars


def test_groups_of_points_are_counted_and_placed() -> None:
    generator = torch.Generator().manual_seed(0)
    points = torch.cat([torch.randn(40, 2, generator=generator) + shift for shift in (-9, 9)])
    groups = torch.arange(2).repeat_interleave(40)
    said = described(maps.panels({"apart": points}, [groups], [["dogs", "cats"]]))
    assert (
        "40 dogs at the bottom left, 40 cats at the top right; the nearest point is of the same group for 100%" in said
    )
    mixed = described(maps.panels({"mixed": points}, [groups.roll(1) ^ (torch.arange(80) % 2)], [["dogs", "cats"]]))
    assert "for 100%" not in mixed
    named = described(weight_pca.scatter(points, groups, ["dogs", "cats"], words={79: "tabby"}))
    assert "tabby at the top right" in named


def test_a_row_of_dots_and_the_fields_of_a_table_are_read() -> None:
    values = torch.tensor([0.25, 0.5, 0.75])
    dots = sanity_checks.dots({"ink": {"gradient": (values, values - 0.25)}}, value="shuffled", reference="ceiling")
    assert "gradient ceiling 0.25, shuffled 0.5" in described(dots)
    table: Any = scoreboard()
    one = table[(table.test == "ROAD") & (table.explainer == "gradient")].value.item()
    assert f"ROAD {one:.2f}" in described(review.board(table))


def test_every_curve_of_roar_has_its_name() -> None:
    import pandas as pd

    from vislib.roar import RoarResult

    table = pd.DataFrame(
        [(e, f, s, a) for e, a in (("edges", 0.5), ("random", 0.75)) for f in (0.1, 0.9) for s in (0, 1)],
        columns=["explainer", "fraction", "seed", "accuracy"],
    )
    said = described(roar.curves(RoarResult(table), chance=0.125))
    assert "chance at 0.12; retrained, random at 0.75; retrained at 0.5" in said
    assert "across: pixels removed, in %" in said


def test_points_on_a_line_lie_in_its_middle_and_there_is_no_negative_zero() -> None:
    level = torch.stack([torch.linspace(-3, 5, 9), torch.full((9,), -2.0)], 1)
    assert "9 dots in the middle" in described(maps.panels({"a": level}, [torch.zeros(9).long()], [["dots"]]))
    assert "9 dots in the middle" in described(maps.panels({"a": level.flip(1)}, [torch.zeros(9).long()], [["dots"]]))
    line = figures.lines([0, 1, 2], {"flat": [-0.0, -0.0, -0.0]}, xlabel="x", ylabel="y")
    assert "flat at 0." in described(line)


def test_a_scale_without_a_name_begins_with_its_ends(images: Tensor) -> None:
    said = described(figures.heatmaps(images[:1], {"a": _with_peak(4, 4, 1.0)}, signed=False))
    assert "colours: from 0 to 1" in said
