"""What follows from a table of accuracies: curves, areas, and differences seed by seed, computed by hand."""

import numpy as np
import pandas as pd
import pytest

from vislib.roar import RoadResult, RoarResult

T3 = {0.95: 3.182, 0.5: 0.765}  # Student's t of three degrees of freedom, which four seeds have
SPREAD = [-0.03, -0.01, 0.01, 0.03]  # of four seeds: the variance is 0.002 / 3
REACH = {level: t * (0.002 / 3) ** 0.5 / 2 for level, t in T3.items()}


def table(curves: dict[str, dict[float, float]], spread: list[float] | None = None) -> pd.DataFrame:
    """Return the rows of these curves, each seed by so much above or below, in a muddled order."""
    rows = [
        {"explainer": name, "fraction": fraction, "seed": seed, "accuracy": accuracy + apart}
        for name, curve in curves.items()
        for fraction, accuracy in curve.items()
        for seed, apart in reversed([*enumerate(spread or [0.0])])
    ]
    return pd.DataFrame(rows)


def test_names_come_as_in_the_table_and_fractions_ascending() -> None:
    result = RoarResult(table({"sobel": {0.9: 0.1, 0.1: 0.8}, "disc": {0.9: 0.3, 0.1: 0.7}}))
    assert result.explainers == ["sobel", "disc"]
    assert result.fractions == [0.1, 0.9]
    assert result.values("sobel").tolist() == [[0.8, 0.1]]


def test_values_have_a_row_per_seed_and_a_column_per_fraction() -> None:
    result = RoarResult(table({"mine": {0.5: 0.4, 0.1: 0.8}}, [0.0, 0.05, 0.1]))
    assert result.values("mine") == pytest.approx(np.array([[0.8, 0.4], [0.85, 0.45], [0.9, 0.5]]))


def test_the_area_is_the_mean_height_of_straight_lines_between_the_fractions() -> None:
    """From 0.1 to 0.3 the curve is 0.8 high in the mean, from 0.3 to 0.9 it is 0.4: (0.2 * 0.8 + 0.6 * 0.4) / 0.8."""
    result = RoarResult(table({"mine": {0.1: 1.0, 0.3: 0.6, 0.9: 0.2}}, [0.0, 0.1]))
    assert result.area("mine").tolist() == pytest.approx([0.5, 0.6])


def test_the_area_of_one_fraction_is_its_accuracy() -> None:
    result = RoarResult(table({"mine": {0.5: 0.3}}, [0.0, 0.1]))
    assert result.area("mine").tolist() == pytest.approx([0.3, 0.4])
    assert RoadResult(table({"mine": {0.5: 0.3}}).assign(order="most_first")).areas()["mine"] == 0.3


@pytest.mark.parametrize("level", [0.95, 0.5])
def test_intervals_of_curves_and_of_areas_have_the_level_asked_for(level: float) -> None:
    result = RoarResult(table({"mine": {0.1: 0.8, 0.9: 0.2}}, SPREAD))
    curve, area = result.intervals(level=level), result.areas(level=level)
    assert list(curve) == ["explainer", "fraction", "mean", "low", "high"]
    assert curve.fraction.tolist() == [0.1, 0.9]
    for found, means in ((curve, [0.8, 0.2]), (area, [0.5])):
        assert found["mean"].tolist() == pytest.approx(means)
        assert found["low"].tolist() == pytest.approx([mean - REACH[level] for mean in means], abs=1e-4)
        assert found["high"].tolist() == pytest.approx([mean + REACH[level] for mean in means], abs=1e-4)
    assert list(area) == ["explainer", "mean", "low", "high"]


def test_the_level_is_95_percent_unless_given() -> None:
    rows = [table({"mine": {0.1: 0.8, 0.9: 0.2}}, SPREAD), table({"random": {0.1: 0.5, 0.9: 0.5}}, SPREAD[::-1])]
    result = RoarResult(pd.concat(rows))
    for method in (result.intervals, result.areas, result.differences, result.area_differences):
        pd.testing.assert_frame_equal(method(), method(level=0.95))


@pytest.mark.parametrize("level", [0.95, 0.5])
def test_differences_are_paired_by_seed_and_judged_at_the_level_asked_for(level: float) -> None:
    """Of the second explainer the seeds differ from the other's by a spread as well; of the first by nothing."""
    shared = [0.2, 0.0, 0.1, 0.05]
    rows = pd.concat(
        [
            table({"random": {0.1: 0.5, 0.9: 0.5}, "surely": {0.1: 0.49, 0.9: 0.51}}, shared),
            table({"perhaps": {0.1: 0.48, 0.9: 0.48}}, [a + b for a, b in zip(shared, SPREAD, strict=True)]),
        ]
    )
    found = RoarResult(rows).differences(level=level)
    assert list(found) == ["explainer", "fraction", "mean", "low", "high", "verdict"]
    assert found.explainer.tolist() == ["surely", "surely", "perhaps", "perhaps"]
    assert found.verdict.tolist()[:2] == ["better", "worse"]
    assert found.low.tolist()[:2] == pytest.approx([-0.01, 0.01])
    wide = found[found.explainer == "perhaps"]
    assert wide["high"].tolist() == pytest.approx([-0.02 + REACH[level]] * 2, abs=1e-4)
    assert set(wide.verdict) == {"better" if level == 0.5 else "inconclusive"}
    areas = RoarResult(rows).area_differences(level=level)
    assert list(areas) == ["explainer", "mean", "low", "high", "verdict"]
    assert areas["mean"].tolist() == pytest.approx([0.0, -0.02])
    assert areas.verdict.tolist()[1] == ("better" if level == 0.5 else "inconclusive")


def test_any_curve_can_be_the_one_that_others_are_compared_with() -> None:
    result = RoarResult(table({"mine": {0.5: 0.3}, "random": {0.5: 0.9}, "disc": {0.5: 0.4}}))
    for found in (result.differences("disc"), result.area_differences("disc")):
        assert dict(zip(found.explainer, found["mean"], strict=True)) == pytest.approx({"mine": -0.1, "random": 0.5})


def test_road_has_the_area_of_each_order_by_explainer() -> None:
    curves = {"mine": {0.1: 0.8, 0.9: 0.2}, "random": {0.1: 0.9, 0.9: 0.7}}
    backwards = {"mine": {0.1: 1.0, 0.9: 0.8}, "random": {0.1: 0.9, 0.9: 0.7}}
    result = RoadResult(
        pd.concat([table(curves).assign(order="most_first"), table(backwards).assign(order="least_first")])
    )
    assert result.areas().to_dict() == pytest.approx({"mine": 0.5, "random": 0.8})
    assert result.areas("least_first").to_dict() == pytest.approx({"mine": 0.9, "random": 0.8})
    with pytest.raises(ValueError, match=r"order is 'both'; expected one of most_first, least_first\.$"):
        result.areas("both")
