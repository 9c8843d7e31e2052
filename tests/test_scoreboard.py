"""The scoreboard says what the tables say, the figure shows all of it, and the explorer sorts by the right end."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from experiments import scoreboard as recipe
from vislib.course import results, review
from vislib.course import scoreboard as module
from vislib.course.scoreboard import TESTS, scoreboard


@pytest.fixture(scope="module")
def board() -> pd.DataFrame:
    return scoreboard()


def test_every_test_has_its_rows_and_verdicts(board: pd.DataFrame) -> None:
    assert set(board.test) == set(TESTS)
    assert not board.duplicated(["explainer", "test"]).any()
    with_limits = board[board.low.notna()]
    assert set(board[board.low.isna()].test) == {"ROAD"}
    assert (with_limits.low <= with_limits.value).all()
    assert (with_limits.value <= with_limits.high).all()
    turned = with_limits.test == "random weights"  # less is better there
    low, high = (with_limits[a].where(~turned, -with_limits[b]) for a, b in (("low", "high"), ("high", "low")))
    seen = with_limits.explainer != "sobel"  # no network has a say in it: worse, whatever the interval
    assert ((low > 0) == (with_limits.verdict == "better"))[seen].all()
    assert ((high < 0) == (with_limits.verdict == "worse"))[seen].all()


def test_what_no_network_has_a_say_in_fails_with_random_weights(board: pd.DataFrame) -> None:
    said = board[board.test == "random weights"].set_index("explainer").verdict
    assert said["sobel"] == said["guided backprop"] == "worse"
    assert "better" in set(said)


def test_roar_is_paired_with_random_pixels(board: pd.DataFrame) -> None:
    table = results.stored("roar_shapes")
    curves = table.groupby(["explainer", "fraction"]).accuracy.mean().unstack()
    lost = np.trapezoid(curves.loc["random"] - curves.loc["gradient"], curves.columns) / (0.9 - 0.1)
    row = board[(board.test == "ROAR") & (board.explainer == "gradient")].iloc[0]
    assert row.value == pytest.approx(lost)


def test_road_counts_what_is_lost_more_than_with_random_pixels(board: pd.DataFrame) -> None:
    table = results.stored("roar_without")
    chosen = table[(table.data == "shapes") & (table.fill == "linear") & (table.order == "most_first")]
    curves = chosen.pivot(index="explainer", columns="fraction", values="accuracy")
    lost = curves.loc["random"] - curves.loc["gradient"]
    row = board[(board.test == "ROAD") & (board.explainer == "gradient")].iloc[0]
    assert row.value == pytest.approx(np.trapezoid(lost, lost.index) / (lost.index.max() - lost.index.min()))
    assert row.value > 0


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the recipe ask about twelve pictures, and forget them again."""
    monkeypatch.setattr(recipe, "IMAGES", 12)
    remembered = (recipe.asked, recipe._scores)
    for function in remembered:
        function.cache_clear()
    yield
    for function in remembered:
        function.cache_clear()


def test_a_random_map_gains_nothing_on_itself(few: None) -> None:
    assert recipe.tried("random") == {
        name: [0.0, 0.0, 0.0] for name in ("insertion", "pointing_game", "mass_inside", "deletion")
    }


# ---- the verdicts ----


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(0.001, 0.3, "better"), (-0.3, -0.001, "worse"), (-0.001, 0.3, "inconclusive"), (0.0, 0.3, "inconclusive")],
)
def test_a_gain_is_judged_by_the_side_of_0_on_which_its_interval_lies(low: float, high: float, said: str) -> None:
    assert module._judged("a", "ROAR", 0.1, low, high) == ("a", "ROAR", 0.1, low, high, said)


def test_the_tests_that_train_nothing_stand_on_the_board_as_in_their_table(board: pd.DataFrame) -> None:
    table = results.stored("scoreboard").set_index("explainer")
    for row in board[board.test.isin(["deletion", "insertion", "pointing game", "mass inside"])].itertuples():
        assert [row.value, row.low, row.high] == table.loc[row.explainer, row.test.replace(" ", "_")]


def test_the_figure_shows_every_field(board: pd.DataFrame) -> None:
    axis = review.board(board).axes[0]
    words = {text.get_text() for text in axis.texts}
    for row in board.itertuples():
        assert any(word.startswith(f"{row.value:.2f}".replace("-0.00", "0.00").replace("-", "−")) for word in words)
    assert not any("-" in word for word in words)
    names = [label.get_text() for label in axis.get_yticklabels()]
    assert [line.get_ydata()[0] for line in axis.lines] == [names.index("edges (Sobel)") - 0.5]  # above the controls
    colours = {to_hex(patch.get_facecolor()[0]) for patch in axis.collections}
    assert colours == {review._VERDICTS[said][0] if said != "no interval" else "#ffffff" for said in set(board.verdict)}


def test_the_explorer_puts_the_best_first() -> None:
    table = pd.DataFrame(
        [
            ("a", "up", 0.2, 0.1, 0.3, "better"),
            ("b", "up", 0.5, 0.4, 0.6, "better"),
            ("a", "down", 0.2, 0.1, 0.3, "worse"),
            ("b", "down", 0.5, float("nan"), float("nan"), "<no>"),
        ],
        columns=["explainer", "test", "value", "low", "high", "verdict"],
    )
    shown = review.explorer(table, {"up": "higher is better", "down": "lower is better"})
    dropdown, words, _ = shown.children
    assert words.value.index(">b<") < words.value.index(">a<")
    dropdown.value = "down"
    assert words.value.index(">a<") < words.value.index(">b<")
    assert "&lt;no&gt;" in words.value
    assert "nan" not in words.value
    with pytest.raises(ValueError, match="no test 'left'; expected some of up, down"):
        review.explorer(table, {"left": "higher is better"})


def test_every_explainer_of_the_recipe_is_on_the_board(board: pd.DataFrame) -> None:
    assert set(recipe.EXPLAINERS) - {"random"} <= set(board.explainer)
