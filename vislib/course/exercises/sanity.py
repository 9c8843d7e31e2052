"""Checkers of notebook 07."""

from collections.abc import Callable
from itertools import combinations

import torch
from torch import Tensor, nn

from vislib.course.exercises._verdict import NOT_YET, Verdict, attempt, number


def _network() -> nn.Sequential:
    """Return a network with two layers of one shape, as if it were trained: all its weights are 3."""
    network = nn.Sequential(nn.Linear(40, 40), nn.ReLU(), nn.Linear(40, 40), nn.ReLU(), nn.Linear(40, 2))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(3.0)
    return network.eval()


def destroyed(function: Callable[[nn.Module, int], nn.Module | None]) -> Verdict:
    """Check `destroyed(network, seed)`: a copy whose layers all have new random weights, each by its own initialiser."""
    with torch.random.fork_rng(devices=[]):
        network = _network()
        answer = attempt(function, network, 0)
        again, other = (attempt(function, _network(), seed) for seed in (0, 1))
    if answer is None or isinstance(answer, Verdict):
        return NOT_YET if answer is None else answer
    for returned in (answer, again, other):
        if isinstance(returned, Verdict):
            return returned
        if not isinstance(returned, nn.Module):
            return Verdict("wrong", f"Your function returns a {type(returned).__name__}; expected a network.")
        if returned.state_dict().keys() != network.state_dict().keys():
            return Verdict("wrong", "Your network has other layers than the one that it should be a copy of.")
    if any((p != 3).any() for p in network.parameters()):
        return Verdict("wrong", "The network itself has changed: work on copy.deepcopy(network).")
    first, second, last = (answer.get_parameter(f"{i}.weight").detach() for i in (0, 2, 4))
    if any((weight == 3).all() for weight in (first, second, last)):
        return Verdict("wrong", "A layer still has its old weights; call reset_parameters on each that has it.")
    if torch.equal(first, second):
        return Verdict(
            "wrong", "Two layers of one shape have got the same weights: set the seed once, before the first layer."
        )
    bound = 40**-0.5  # PyTorch draws a linear layer's weights evenly between -bound and bound
    if max(float(weight.abs().max()) for weight in (first, second)) > 1.001 * bound or float(first.min()) >= 0:
        return Verdict("wrong", "These are not the weights that the layers begin with; leave them to reset_parameters.")
    if not torch.equal(first, again.get_parameter("0.weight")):
        return Verdict("wrong", "The same seed gives other weights: call torch.manual_seed(seed).")
    if torch.equal(first, other.get_parameter("0.weight")):
        return Verdict("wrong", "Another seed gives the same weights: call torch.manual_seed(seed).")
    return Verdict("right", "Right: a copy, one stream of random numbers, and each layer's own initialiser.")


def ground(function: Callable[[Tensor, Callable[[Tensor, Tensor], Tensor]], float | None]) -> Verdict:
    """Check `ground(maps, alike)`: the mean similarity of all pairs of different maps (N, H, W)."""
    maps = torch.tensor([0.0, 1.0, 3.0, 7.0])[:, None, None].expand(-1, 2, 2).clone()

    def alike(a: Tensor, b: Tensor) -> Tensor:
        return 1 - (a - b).abs().mean() / 10

    def mean(pairs: list[tuple[int, int]]) -> float:
        return sum(float(alike(maps[i], maps[j])) for i, j in pairs) / len(pairs)

    answer = number(attempt(function, maps.clone(), alike))
    if isinstance(answer, Verdict):
        return answer
    everything = [(i, j) for i in range(4) for j in range(4)]
    if abs(answer - mean(list(combinations(range(4), 2)))) < 1e-5:
        return Verdict("right", "Right: 4 networks make 6 pairs, and no network is compared with itself.")
    if abs(answer - mean(everything)) < 1e-5:
        return Verdict("wrong", "You compare each map with itself too, which gives 1 and lifts the floor.")
    if abs(answer - mean([(0, j) for j in range(1, 4)])) < 1e-5:
        return Verdict("wrong", "You compare with the first map only; take all pairs.")
    if abs(answer - mean([(i, i + 1) for i in range(3)])) < 1e-5:
        return Verdict("wrong", "You compare neighbours only; take all pairs.")
    if abs(answer - 6 * mean(list(combinations(range(4), 2)))) < 1e-4:
        return Verdict("wrong", "That is the sum; divide it by the number of pairs.")
    return Verdict("wrong", f"For the maps of the checker expected 0.633, and yours is {answer:.3f}.")
