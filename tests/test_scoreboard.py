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


def _weights(monkeypatch: pytest.MonkeyPatch, value: float, floor: float, spread: float = 0.01) -> tuple[float, str]:
    """Return value and verdict for maps that are so alike after half of the blocks, and 0.99 or -0.99 at other depths."""
    away = [spread * part for part in (-1.0, -0.5, 0.0, 0.5, 1.0)]  # by seed
    rows = [
        {"method": "gradient", "seed": seed, "depth": depth, "spearman": [value + away[seed]] * 4}
        if depth == 10
        else {"method": "gradient", "seed": seed, "depth": depth, "spearman": [0.99 if depth < 10 else -0.99] * 4}
        for seed in range(5)
        for depth in range(1, 20)
    ]
    floors = [{"method": "gradient", "spearman": [floor] * 4} for _ in range(10)]
    tables = {"sanity": pd.DataFrame(rows), "sanity_floor": pd.DataFrame(floors)}
    monkeypatch.setattr(results, "stored", tables.__getitem__)
    monkeypatch.setattr(module, "EXPLAINERS", {"gradient": "gradient", "disc": None})
    [(name, test, measured, low, high, said)] = module._random_weights()
    assert (name, test) == ("gradient", "random weights")
    assert value - 2 * spread < low < measured < high < value + 2 * spread
    return measured, said


@pytest.mark.parametrize(
    ("value", "floor", "spread", "said"),
    [
        (0.3, 0.2, 0.01, "worse"),  # clearly above two independent random networks
        (0.25, 0.2, 0.01, "worse"),
        (0.2, 0.2, 0.01, "better"),  # at their level
        (0.25, 0.2, 0.3, "better"),  # above it, within the noise
        (0.1, 0.5, 0.01, "better"),
        (0.5, 0.89, 0.01, "better"),
        (0.5, 0.91, 0.01, "worse"),  # the floor itself: whatever the network, one and the same map
        (0.5, 1.0, 0.01, "worse"),
    ],
)
def test_random_weights_are_judged_after_half_of_the_blocks_against_two_random_networks(
    monkeypatch: pytest.MonkeyPatch, value: float, floor: float, spread: float, said: str
) -> None:
    assert _weights(monkeypatch, value, floor, spread) == (pytest.approx(value), said)


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(0.001, 0.3, "better"), (-0.3, -0.001, "worse"), (-0.001, 0.3, "cannot be told"), (0.0, 0.3, "cannot be told")],
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
    dropdown, words = shown.children
    assert words.value.index(">b<") < words.value.index(">a<")
    dropdown.value = "down"
    assert words.value.index(">a<") < words.value.index(">b<")
    assert "&lt;no&gt;" in words.value
    assert "nan" not in words.value
    with pytest.raises(ValueError, match="no test 'left'; expected some of up, down"):
        review.explorer(table, {"left": "higher is better"})


def test_every_explainer_of_the_recipe_is_on_the_board(board: pd.DataFrame) -> None:
    assert set(recipe.EXPLAINERS) - {"random"} <= set(board.explainer)
