"""The scoreboard says what the tables say, the figure shows all of it, and the explorer sorts by the right end."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from experiments.scoreboard import EXPLAINERS, tried
from vislib.course import explore, results
from vislib.course.plots import review
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
    gains = with_limits[with_limits.test != "random weights"]
    assert ((gains.low > 0) == (gains.verdict == "better")).all()
    assert ((gains.high < 0) == (gains.verdict == "worse")).all()


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


def test_a_random_map_gains_nothing_on_itself() -> None:
    assert tried("random") == {
        name: [0.0, 0.0, 0.0] for name in ("insertion", "pointing_game", "mass_inside", "deletion")
    }


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
    shown = explore.scoreboard(table, {"up": "higher is better", "down": "lower is better"})
    dropdown, words = shown.children
    assert words.value.index(">b<") < words.value.index(">a<")
    dropdown.value = "down"
    assert words.value.index(">a<") < words.value.index(">b<")
    assert "&lt;no&gt;" in words.value
    assert "nan" not in words.value
    with pytest.raises(ValueError, match="no test 'left'; expected some of up, down"):
        explore.scoreboard(table, {"left": "higher is better"})


def test_every_explainer_of_the_recipe_is_on_the_board(board: pd.DataFrame) -> None:
    assert set(EXPLAINERS) - {"random"} <= set(board.explainer)
