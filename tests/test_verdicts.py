"""What the scoreboard says of tables that are small enough to be judged by eye."""

from typing import Any

import pandas as pd
import pytest

from vislib.course import results
from vislib.course.scoreboard import TESTS, scoreboard

METHODS = [  # as the tables of notebook 07 call them
    "gradient",
    "input_x_gradient",
    "smoothgrad",
    "integrated_gradients",
    "guided_backprop",
    "grad_cam",
    "occlusion",
    "sobel",
]
Rows = list[dict[str, Any]]
APART = 1 / 16  # two photographs lie so far to either side of their mean


def photographs(mean: float) -> list[float]:
    return [mean - APART, mean + APART]


def cascades(elsewhere: float = 0.0, **methods: tuple[float, float]) -> dict[str, Rows]:
    """Return how alike a method's maps are to the trained network's at 10 random blocks of two networks, and at all 19."""
    values = dict.fromkeys(METHODS, (0.25, 0.5)) | methods
    return {
        "sanity": [
            {
                "method": name,
                "depth": depth,
                "seed": seed,
                "spearman": photographs({10: half, 19: whole}.get(depth, elsewhere)),
            }
            for name, (half, whole) in values.items()
            for seed in (0, 1)
            for depth in (9, 10, 11, 19)
        ]
    }


def retrained(**lost: list[float]) -> Rows:
    """Return a sweep of two fractions in which each explainer costs so much more accuracy than random, seed by seed."""
    return [
        {"explainer": name, "fraction": fraction, "seed": seed, "accuracy": 0.6 + seed / 10 - more}
        for name, of_seeds in {"random": [0.0] * 4, **lost}.items()
        for seed, more in enumerate(of_seeds)
        for fraction in (0.1, 0.9)
    ]


def asked(**left: float) -> Rows:
    """Return what a network that was not retrained still knows, in the order that counts, and misleading rows beside it."""
    return [
        {"explainer": name, "data": data, "fill": fill, "order": order, "fraction": fraction, "accuracy": accuracy}
        for name, right in left.items()
        for data, fill, order, accuracy in (
            ("shapes", "linear", "most_first", right),
            ("shapes", "linear", "least_first", 1.0),
            ("shapes", "mean", "most_first", 0.9),
            ("digits", "linear", "most_first", 0.1),
        )
        for fraction in (0.1, 0.9)
    ]


def known(**limits: list[float]) -> Rows:
    """Return gains over a random map: value, low, high, the same in all four tests but for the deletion."""
    tests = ("insertion", "pointing_game", "mass_inside")
    return [{"explainer": name, "deletion": [0.5, 0.4, 0.6], **dict.fromkeys(tests, v)} for name, v in limits.items()]


TABLES: dict[str, Rows] = {
    **cascades(),
    "roar_shapes": retrained(gradient=[0.28, 0.29, 0.31, 0.32]),
    "roar_without": asked(random=0.75, gradient=0.25),
    "scoreboard": known(gradient=[0.2, 0.1, 0.3]),
}


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function: tables -> the board, a row per field, by explainer and test. What is not given comes from `TABLES`."""

    def made(**tables: Rows) -> pd.DataFrame:
        given = {name: pd.DataFrame(rows) for name, rows in (TABLES | tables).items()}
        monkeypatch.setattr(results, "stored", given.__getitem__)
        return scoreboard().set_index(["explainer", "test"])

    return made


# ---- random weights ----


@pytest.mark.parametrize(
    ("half", "whole", "said"),
    [
        (0.25, 0.5, "better"),  # half way from 0.5 to 1 is 0.75
        (0.75 + 1 / 8, 0.5, "inconclusive"),  # above, but two photographs do not agree on it
        (0.75 + 1, 0.5, "worse"),
        (0.75 - 1 / 8, 0.5, "inconclusive"),
        (0.25, 0.0, "inconclusive"),
        (0.5, -0.75, "inconclusive"),
        (0.0, 0.9, "better"),
        (0.0, 0.9375, "worse"),  # a stranger's map is the same: no network has a say
    ],
)
def test_random_weights_are_judged_by_which_map_is_nearer(board: Any, half: float, whole: float, said: str) -> None:
    """Each photograph lies 1/16 to one side, in both: a difference of 1/32 from their mean, t of one degree is 12.7."""
    row = board(**cascades(1.0, occlusion=(half, whole))).loc["occlusion", "random weights"]
    assert row.verdict == said
    reach = 12.706 * APART / 2
    assert [row.value, row.low, row.high] == pytest.approx(
        [half - (1 + whole) / 2 + x for x in (0, -reach, reach)], abs=1e-4
    )


# ---- ROAR and ROAD ----


@pytest.mark.parametrize(
    ("lost", "said"),
    [
        ([0.28, 0.29, 0.31, 0.32], "better"),
        ([-0.28, -0.29, -0.31, -0.32], "worse"),
        ([-0.3, 0.3, -0.3, 0.31], "inconclusive"),
        ([0.01, 0.011, 0.009, 0.01], "better"),  # little, but surely
    ],
)
def test_roar_is_better_where_more_is_lost_than_with_random_pixels(board: Any, lost: list[float], said: str) -> None:
    assert board(roar_shapes=retrained(gradient=lost)).verdict["gradient", "ROAR"] == said


def test_roar_counts_what_is_lost_with_students_interval_of_four_seeds(board: Any) -> None:
    """The spread of the four is the root of 0.001 / 3, and t of three degrees 3.182: they reach 0.029 to either side."""
    row = board().loc["gradient", "ROAR"]
    reach = 3.182 * (0.001 / 3) ** 0.5 / 2
    assert [row.value, row.low, row.high] == pytest.approx([0.3, 0.3 - reach, 0.3 + reach], abs=1e-4)


def test_road_counts_what_is_lost_more_than_with_random_pixels_and_judges_nothing(board: Any) -> None:
    row = board().loc["gradient", "ROAD"]
    assert row.value == pytest.approx(0.75 - 0.25)
    assert [row.low, row.high] == pytest.approx([float("nan")] * 2, nan_ok=True)
    assert row.verdict == "no interval"


# ---- tests whose answer is known ----


def test_gains_over_a_random_map_are_taken_as_they_are(board: Any) -> None:
    gains = known(gradient=[0.2, 0.1, 0.3], sobel=[-0.2, -0.3, -0.1], disc=[0.1, -0.1, 0.3])
    fields = board(scoreboard=gains)
    for test in ("insertion", "pointing game", "mass inside"):
        assert fields.verdict[:, test].to_dict() == {"gradient": "better", "sobel": "worse", "disc": "inconclusive"}
    row = fields.loc["sobel", "insertion"]
    assert [row.value, row.low, row.high] == [-0.2, -0.3, -0.1]
    assert fields.value["sobel", "deletion"] == 0.5


# ---- the whole board ----


def test_the_board_has_all_explainers_of_the_course_in_its_order_and_nobody_else(board: Any) -> None:
    """ "random" and a blurred twin are in the tables, and not on the board."""
    fields = board(
        roar_shapes=retrained(
            **dict.fromkeys(("disc", "VarGrad", "SmoothGrad²", "gradient", "gradient, blurred"), [0.1] * 4)
        ),
        scoreboard=known(random=[0.0] * 3, sobel=[0.2, 0.1, 0.3]),
    )
    weights = "random weights"
    assert list(fields.index) == [
        *(("gradient", test) for test in (weights, "ROAR", "ROAD")),
        ("input × gradient", weights),
        ("SmoothGrad", weights),
        ("SmoothGrad²", "ROAR"),
        ("VarGrad", "ROAR"),
        ("integrated gradients", weights),
        ("guided backprop", weights),
        ("Grad-CAM", weights),
        ("occlusion", weights),
        *(("sobel", test) for test in (weights, "deletion", "insertion", "pointing game", "mass inside")),
        ("disc", "ROAR"),
    ]
    assert scoreboard().index.tolist() == [*range(17)]


def test_every_test_says_what_is_measured_and_which_end_is_better() -> None:
    assert list(TESTS) == ["random weights", "ROAR", "ROAD", "deletion", "insertion", "pointing game", "mass inside"]
    assert all(("lower is better" in text) != ("higher is better" in text) for text in TESTS.values())
