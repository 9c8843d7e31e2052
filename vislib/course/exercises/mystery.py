"""The checker of the mystery model: who did it?"""

from collections.abc import Callable
from difflib import get_close_matches

from vislib.course import mystery
from vislib.course.exercises._verdict import NOT_YET, Verdict, attempt


def accuse(function: Callable[[], str | None], seed: int | None = None) -> Verdict:
    """Check `suspect()`: the name of the fault, a key of `mystery.SUSPECTS`, of the network that the seed draws.

    A wrong suspect is refused with the first clue that speaks against it; the right one stays unnamed.
    """
    answer = attempt(function)
    if answer is None or isinstance(answer, Verdict):
        return NOT_YET if answer is None else answer
    if not isinstance(answer, str):
        return Verdict("wrong", f"Your function returns a {type(answer).__name__}; expected the name of a suspect.")
    if answer not in mystery.SUSPECTS:
        close = get_close_matches(answer, mystery.SUSPECTS, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"expected one of {', '.join(mystery.SUSPECTS)}."
        return Verdict("wrong", f"There is no suspect {answer!r}; {hint}")
    fault = mystery.truth(seed)
    if answer == fault:
        return Verdict("right", f"Right: {mystery.SUSPECTS[fault]}. Every clue agrees.")
    for number, clue in mystery.CLUES.items():
        if (answer in clue.yes) != (fault in clue.yes):
            here, there = ("yes", "no") if fault in clue.yes else ("no", "yes")
            return Verdict(
                "wrong",
                f"Clue {number} (notebook {clue.notebook[:2]}) speaks against it. {clue.asks} Here the answer is {here}; "
                f"for this suspect it would be {there}.",
            )
    raise AssertionError(f"no clue tells {answer} from {fault}")
