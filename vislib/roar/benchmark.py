"""The sweep of ROAR, and ROAD, which asks a network as it is."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from vislib import one_thread
from vislib.data import ImageSet
from vislib.explain import Explainer, check_choice, check_count, check_inputs, takes
from vislib.roar import sweep as sweeps
from vislib.roar.explained import Maps, check_names, check_options, explained
from vislib.roar.removal import Removal, ranks
from vislib.roar.result import RoadResult, RoarResult
from vislib.roar.sweep import BuildModel, Cell, Sweep, Training
from vislib.training import accuracy, fit

FRACTIONS = (0.1, 0.3, 0.5, 0.7, 0.9)
ORDERS = ("most_first", "least_first")
_BASE = 1000  # the base network's seed, which no retrained network has


@takes(Sweep)
def roar(
    explainers: Mapping[str, Explainer | Maps],
    train: ImageSet,
    test: ImageSet,
    *,
    build_model: BuildModel,
    fractions: Sequence[float] = FRACTIONS,
    seeds: int = 5,
    keep: bool = False,
    controls: Sequence[str] = ("random", "sobel"),
    fill: str = "mean",
    mask_only: bool = False,
    base: nn.Module | None = None,
    **options: Any,
) -> RoarResult:
    """Remove the pixels that each explainer ranks highest, in training and test images; train anew; report the accuracy.

    The explainers see the base network, and are asked about the class that it names. A network's accuracy is that of
    its last epoch.

    Args:
        explainers: name -> explainer, see :mod:`vislib.explain`, or a pair of heatmaps, as from `heatmaps`.
        train: the training set, on the device where everything is to be computed.
        test: the test set.
        build_model: a seed -> an untrained network on that device; the same seed must give the same weights.
        fractions: the shares of removed pixels, in [0, 1].
        seeds: how many networks for each explainer and fraction.
        keep: keep and retrain (KAR): the pixels that are ranked highest stay, and the fraction is removed from the others.
        controls: "random", "sobel", "disc" for a row each, and "blurred" for the blurred twin of every explainer.
        fill: what a removed pixel becomes: "mean", the training set's mean of each channel, or "linear", noisy linear
            imputation.
        mask_only: show the networks where pixels were removed and nothing else: what the shape of the holes tells.
        base: the network to explain; None trains one on whole images.
        epochs, learning_rate, batch_size: of every training, see :func:`vislib.training.fit`; here four epochs, half of its own.
        folder: where finished cells are kept, so that an interrupted sweep goes on; what other code or other data made
            is not taken. None: nowhere.
        jobs: how many processes, of one thread each; -1: one per core, or the whole cluster.
        progress: show a progress bar.

    Raises:
        TypeError, ValueError: for sets, explainers or options that do not fit, or a `build_model` that gives other weights
            when it is called again.

    Hooker et al. 2019, A Benchmark for Interpretability Methods in Deep Neural Networks, https://arxiv.org/abs/1806.10758
    """
    import pandas as pd

    check_names(explainers, controls)
    check_options(fractions, fill)
    check_count(seeds, "seeds")
    sweep = Sweep(**options)
    training = Training(sweep.epochs, sweep.learning_rate, sweep.batch_size)
    states = [sweeps.state(_fresh(build_model, seed)) for seed in range(seeds)]
    data = sweeps.digest(sweeps.code(), train.images, train.labels, test.images, test.labels)
    if base is None:
        base = _trained(build_model, train, training, data, sweep.folder)
    hows = [Removal(float(fraction), keep, fill, mask_only) for fraction in fractions]
    colour, orders, cells, before = sweeps.mean_colour(train.images), {}, [], []
    for name, maps in explained(explainers, controls, base, train.images, test.images):
        order = [ranks(heat, number) for number, heat in enumerate(maps)]
        content, orders[name] = sweeps.digest(data, *order), sweeps.arrays(*order)
        for how in hows:
            for seed, fresh in enumerate(states):
                cells.append(Cell(name, how, seed, sweeps.digest(content, fresh, asdict(how), asdict(training), seed)))
            if not mask_only:
                left = accuracy(base, sweeps.without(test.images, test.labels, order[1], how, colour))
                before.append({"explainer": name, "fraction": how.fraction, "accuracy": left})
    shared = sweeps.arrays(train.images, train.labels, test.images, test.labels)

    def task(cell: Cell) -> tuple[Any, ...]:
        return build_model, cell.seed, cell.how, training, *shared, *orders[cell.explainer]

    rows = sweeps.run(cells, task, train.images.device, sweep)
    table = pd.DataFrame(rows, columns=["explainer", "fraction", "seed", "accuracy"])
    setting = {"keep": keep, "mask_only": mask_only, "fill": fill, **asdict(training)}
    return RoarResult(table, pd.DataFrame(before) if before else None, accuracy(base, test), setting)


def heatmaps(
    explainers: Mapping[str, Explainer | Maps],
    model: nn.Module,
    train: ImageSet,
    test: ImageSet,
    *,
    controls: Sequence[str] = (),
) -> dict[str, Maps]:
    """Explain what a model says about every image, once; `roar` and `road` take the result in place of explainers.

    Args:
        explainers: name -> explainer, or a pair of heatmaps.
        model: maps pixels (B, C, H, W) to logits (B, K).
        train, test: labelled sets; their labels are not looked at.
        controls: as in `roar`.

    Returns:
        Name -> heatmaps of the training images (N, H, W), and of the test images.

    Raises:
        TypeError, ValueError: as in `roar`.
    """
    check_names(explainers, controls)
    return {name: (a, b) for name, (a, b) in explained(explainers, controls, model, train.images, test.images)}


def road(
    model: nn.Module,
    explainers: Mapping[str, Explainer | Maps | Tensor],
    test: ImageSet,
    *,
    fractions: Sequence[float] = FRACTIONS,
    order: str = "both",
    controls: Sequence[str] = ("random", "sobel"),
    fill: str = "linear",
    colour: Tensor | None = None,
    seed: int = 0,
) -> RoadResult:
    """Remove pixels so that the hole can hardly be seen, and ask the network as it is: no retraining.

    Args:
        model: maps pixels (B, C, H, W) to logits (B, K); the explainers are asked about the class that it names.
        explainers: name -> explainer, or heatmaps of the test images (N, H, W), alone or as the second of a pair.
        test: a labelled set.
        fractions, controls: as in `roar`.
        order: "most_first" removes the pixels that are ranked highest, "least_first" the others; "both".
        fill: "linear", noisy linear imputation, or "mean", for comparison: one colour.
        colour: that colour, (C, 1, 1), and what becomes of an image that is removed whole: the mean of each channel of the
            *training* set, as in `roar`; without it the test set's own is taken.
        seed: of the noise.

    Raises:
        TypeError, ValueError: for a model, a set, explainers or options that do not fit.

    Rong et al. 2022, A Consistent and Efficient Evaluation Strategy for Attribution Methods,
    https://arxiv.org/abs/2202.00449
    """
    import pandas as pd

    check_names(explainers, controls)
    check_options(fractions, fill)
    check_choice(order, "order", ("both", *ORDERS))
    check_inputs(model, test.images)
    colour, rows = sweeps.mean_colour(test.images) if colour is None else colour, []
    if colour.shape != (test.images.shape[1], 1, 1) or colour.device != test.images.device:
        raise ValueError(
            f"colour has shape {tuple(colour.shape)} on {colour.device}; expected {(test.images.shape[1], 1, 1)} on "
            f"{test.images.device}."
        )
    for name, [heat] in explained(explainers, controls, model, test.images):
        places = ranks(heat, 0)
        for way in ORDERS if order == "both" else (order,):
            for fraction in fractions:
                how = Removal(float(fraction), way == "least_first", fill)
                left = sweeps.without(test.images, test.labels, places, how, colour, seed)
                share = accuracy(model, left)
                rows.append({"explainer": name, "order": way, "fraction": how.fraction, "accuracy": share})
    return RoadResult(pd.DataFrame(rows))


# ---- networks ----


def _fresh(build_model: BuildModel, seed: int) -> nn.Module:
    """Return the untrained network of a seed, after a look whether it is always the same."""
    model = build_model(seed)
    if not isinstance(model, nn.Module):
        raise TypeError(f"build_model({seed}) gave a {type(model).__name__}; expected an untrained network.")
    if sweeps.state(model) != sweeps.state(build_model(seed)):
        raise ValueError(
            f"build_model({seed}) gave two different networks; expected the same weights for the same seed, as "
            "SmallCNN(seed=seed) has them."
        )
    return model


def _trained(
    build_model: BuildModel, train: ImageSet, training: Training, data: str, folder: Path | str | None
) -> nn.Module:
    """Return the base network, trained on whole images, from the folder if it is there."""
    from safetensors.torch import load, save

    model = _fresh(build_model, _BASE)
    place = sweeps.file(folder, sweeps.digest(data, sweeps.state(model), asdict(training)), "base")
    if (payload := sweeps.read(place)) is not None:
        model.load_state_dict(load(payload))
        return model.eval()
    with one_thread(train.images.device):
        fit(model, train, seed=_BASE, **asdict(training))
    weights = {name: value.cpu().contiguous().clone() for name, value in model.state_dict().items()}  # none shared
    sweeps.write(place, save(weights))
    return model
