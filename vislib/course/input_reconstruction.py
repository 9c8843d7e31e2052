"""What belongs to notebook 06: the spectrum of pictures, a walk through an ascent, and checkers."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from vislib import data
from vislib.activations import record
from vislib.course import results
from vislib.course.encoding import encoded_image
from vislib.course.figures import BLUE, GREY, ORANGE, figure
from vislib.course.names import beside
from vislib.course.verdict import Verdict, attempt, number
from vislib.explain import probability
from vislib.models import Classifier
from vislib.reconstruction import History, invert, moved, resized

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vislib.course.frame import Explorer


def inverted(model: Classifier, name: str, layers: Mapping[str, str]) -> Tensor:
    """Return to which pictures layers answer as to a photograph, (N, C, S, S): the stored ones, or if it is another, found now.

    Args:
        model: the classifier.
        name: of the photograph.
        layers: what a layer is called in the stored files -> its name in the network.
    """
    try:
        return results.pictures("inverted", [f"{name}_{depth}" for depth in layers])
    except FileNotFoundError:
        image = model.preprocess(data.photo(name))
        return torch.cat([invert(model, image, layer, steps=128, progress=True) for layer in layers.values()])


def spectrum(images: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean amplitude of images (B, C, S, S) at each frequency, 1 to S / 2 cycles per image: two (S / 2,)."""
    side = images.shape[-1]
    amplitude = torch.fft.fft2(images.detach().cpu().float().mean(1), norm="ortho").abs().mean(0)
    waves = torch.fft.fftfreq(side) * side
    ring = torch.hypot(waves[:, None], waves[None]).round().long()
    frequencies = torch.arange(1, side // 2 + 1)
    return frequencies, torch.stack([amplitude[ring == k].mean() for k in frequencies.tolist()])


def spectra(images: Mapping[str, Tensor], *, size: tuple[float, float] = (7.5, 3.4)) -> "Figure":
    """Draw how much of each frequency images (B, C, S, S) hold, a line per name, both axes logarithmic."""
    made, axes = figure(1, 1, size)
    axis = axes[0, 0]
    lines = {name: spectrum(some) for name, some in images.items()}
    ends = [float(amplitude[-1]) for _, amplitude in lines.values()]
    for (name, (frequencies, amplitude)), colour in zip(lines.items(), (GREY, ORANGE, BLUE, "#009e73"), strict=False):
        end = float(amplitude[-1])
        close = [other for other in ends if other != end and end / 2 < other < end * 2]  # names must not overlap
        axis.loglog(frequencies, amplitude, color=colour, linewidth=2, label=beside(name))
        axis.annotate(
            f" {beside(name)}",
            (frequencies[-1], amplitude[-1]),
            color=colour,
            va="center" if not close else "bottom" if end > max(close) else "top",
            xytext=(4, 0),
            textcoords="offset points",
        )
    axis.set(xlabel="frequency, cycles per image", ylabel="mean amplitude")
    ticks = (1, 10, 100)
    axis.set_xticks(ticks, [str(t) for t in ticks])
    axis.yaxis.set_major_formatter("{x:g}")
    axis.grid(alpha=0.25)
    return made


def tests_of(
    model: Classifier, other: Classifier, picture: Tensor, target: int
) -> tuple[float, float, float, float, int]:
    """Return what is asked of a picture (1, C, S, S) that was made for a class.

    The logit and the probability of the class; its mean probability over sixteen random moves; the probability that the
    other network gives it, and its place there among all classes, 1 for the first.
    """
    with torch.no_grad():
        own, after = model(picture), model(moved(picture, n=16))
        second = other(resized(picture, other.input_size))
    chances = [float(logits.softmax(1)[:, target].mean()) for logits in (own, after, second)]
    return float(own[0, target]), chances[0], chances[1], chances[2], 1 + int((second > second[:, target, None]).sum())


def tested(
    model: Classifier, other: Classifier, pictures: Sequence[Tensor], targets: Sequence[int], names: Sequence[str]
) -> str:
    """Return `tests_of` each picture (C, S, S) as a table, a row per name."""
    lines = [f"{'':28} logit  as it is  moved  second network  place there"]
    for name, picture, k in zip(names, pictures, targets, strict=True):
        height, own, after, second, place = tests_of(model, other, picture[None], k)
        lines.append(f"{name:28} {height:5.1f} {own:9.2f} {after:6.2f} {second:15.2f} {place:12}")
    return "\n".join(lines)


def labelled(model: Classifier, other: Classifier, picture: Tensor, target: int, name: str) -> str:
    """Return `tests_of` a picture (C, S, S) as a title below its name."""
    height, own, after, second, _ = tests_of(model, other, picture[None], target)
    return f"{name}\nlogit {height:.0f}, as it is {own:.2f}\nmoved {after:.2f}, second {second:.2f}"


@torch.no_grad()
def examples(model: nn.Module, images: Tensor, layer: str, unit: int, *, side: int, n: int = 2) -> list[Tensor]:
    """Return where a unit of a layer is excited most: n windows (C, side, side) of different images (B, C, S, S)."""
    with record(model, [layer]) as seen:
        model(images)
    heat = seen[layer][:, unit]
    scale = images.shape[-1] / heat.shape[-1]
    found = []
    for i in heat.amax((1, 2)).topk(n).indices.tolist():
        middle = [(place + 0.5) * scale for place in divmod(int(heat[i].argmax()), heat.shape[-1])]
        top, left = (min(max(round(m - side / 2), 0), images.shape[-1] - side) for m in middle)
        found.append(images[i, :, top : top + side, left : left + side])
    return found


def explorer(model: Classifier, history: History, target: int, *, other: Classifier | None = None) -> "Explorer":
    """Move a slider over the kept steps of an ascent and watch the picture and its tests.

    Args:
        model: the network that was climbed.
        history: of one picture, with steps that were kept.
        target: its class.
        other: a second network to ask.

    Raises:
        ValueError: if the history has kept no pictures, or is of several.
    """
    import ipywidgets as widgets

    from vislib.course.frame import SIDE, Explorer, Image, still

    steps = sorted(history.pictures)
    if not steps or any(len(history.pictures[s]) != 1 for s in steps):
        raise ValueError(
            f"the history has kept {len(steps)} steps of {len(history.scores[0]) if history.scores else 0} pictures; "
            "expected some steps of one picture: reconstruct(..., watch=History(keep=[0, 8, 64]))."
        )
    pictures = torch.cat([history.pictures[s] for s in steps])
    heights, bars = _tests(model, pictures, target, other)
    slider = widgets.IntSlider(
        len(steps) - 1, 0, len(steps) - 1, description="picture", layout=widgets.Layout(width="320px")
    )
    picture = Image(alt="The picture at this step", width=SIDE)
    text = widgets.HTML()

    def table(i: int) -> str:
        rows = "".join(
            f'<tr><td style="text-align:right;padding-right:8px">{name}</td>'
            f'<td style="width:150px"><div style="background:#0072b2;height:12px;width:{150 * values[i]:.0f}px"></div></td>'
            f"<td>{values[i]:.2f}</td></tr>"
            for name, values in bars.items()
        )
        return (
            f"<p>Step <strong>{steps[i]}</strong>: logit {heights[i]:.1f}</p>"
            '<table style="font-size:90%;line-height:1.3"><caption style="text-align:left">probability of the class'
            f"</caption>{rows}</table>"
        )

    def draw(change: Any = None) -> None:
        picture.value = encoded_image(pictures[slider.value], "png")
        text.value = table(slider.value)

    slider.observe(draw, "value")
    draw()
    page = still(
        encoded_image(pictures[-1], "jpeg"),
        text.value,
        alt="The picture at the last step that was kept",
        caption="A still of the explorer: run this cell in JupyterLab to walk through the steps.",
    )
    controls = widgets.VBox([slider, text])
    return Explorer(
        [widgets.HBox([picture, controls], layout=widgets.Layout(flex_flow="row wrap"))],
        "Reconstruction explorer",
        page,
    )


@torch.no_grad()
def _tests(
    model: Classifier, pictures: Tensor, target: int, other: Classifier | None
) -> tuple[list[float], dict[str, list[float]]]:
    """Return the logit of the class, and its probability in each test, by picture."""
    n = 8

    def ask(network: Classifier, images: Tensor) -> Tensor:
        return probability(network(images), torch.full((len(images),), target, device=images.device))

    found = {
        "as it is": ask(model, pictures),
        f"moved ({n} times)": ask(model, moved(pictures, n=n)).reshape(-1, n).mean(1),
    }
    if other is not None:
        found["second network"] = ask(other, resized(pictures, other.input_size))
    heights: list[float] = model(pictures)[:, target].tolist()
    return heights, {name: values.tolist() for name, values in found.items()}


def check_survival(function: Callable[[nn.Module, Tensor, int, list[tuple[int, int]]], float | None]) -> Verdict:
    """Check `survival(model, picture, target, shifts)`: the mean probability over copies shifted (down, right)."""
    picture = torch.rand(1, 3, 4, 4, generator=torch.Generator().manual_seed(4))
    shifts = [(1, 0), (0, 2), (3, 1)]
    before = picture.clone()
    answer = number(attempt(function, _Picky().eval(), picture, 2, list(shifts)))
    if isinstance(answer, Verdict):
        return answer
    if not torch.equal(picture, before):
        return Verdict("wrong", "Your function changes the picture itself; work on a copy.")

    def each(sign: int = 1, swap: bool = False) -> Tensor:
        pairs = [(right, down) if swap else (down, right) for down, right in shifts]
        copies = torch.cat([picture.roll((sign * d, sign * r), (2, 3)) for d, r in pairs])
        logits: Tensor = _Picky()(copies)
        return logits

    def close(value: Tensor) -> bool:
        return abs(answer - float(value)) < 1e-5

    chances = each().softmax(1)[:, 2]
    if close(chances.mean()):
        return Verdict(
            "right", "Right: a picture that holds something keeps its probability, a pattern tied to a grid loses it."
        )
    if close(_Picky()(picture).softmax(1)[0, 2]):
        return Verdict("wrong", "You ask about the picture itself; ask about its shifted copies.")
    if close(each()[:, 2].mean()):
        return Verdict("wrong", "You average the logits; take the softmax first.")
    if close(chances.sum()):
        return Verdict("wrong", "You add the probabilities up; expected their mean.")
    if any(close(chance) for chance in chances):
        return Verdict("wrong", "You return the probability of one copy; expected the mean over all shifts.")
    if close(each(swap=True).softmax(1)[:, 2].mean()):
        return Verdict("wrong", "You exchange the directions: each shift is (down, right).")
    if close(each(-1).softmax(1)[:, 2].mean()):
        return Verdict("wrong", "You shift up and left; a shift is (down, right).")
    return Verdict("wrong", f"Expected {float(chances.mean()):.3f}, and yours is {answer:.3f}.")


class _Picky(nn.Module):
    """Three classes of a picture (1, C, 4, 4): nothing, a dark first pixel, and a bright one."""

    def forward(self, images: Tensor) -> Tensor:
        first = 4 * images[:, 0, 0, 0] - 1
        return torch.stack([torch.zeros_like(first), -first, first], 1)


def check_roughness(function: Callable[[Tensor], float | None]) -> Verdict:
    """Check `roughness(picture)` (C, H, W): mean absolute difference between neighbours, down plus across."""
    picture = torch.rand(3, 5, 7, generator=torch.Generator().manual_seed(5))
    down, across = picture[:, 1:] - picture[:, :-1], picture[:, :, 1:] - picture[:, :, :-1]
    expected = float(down.abs().mean() + across.abs().mean())
    answer = number(attempt(function, picture.clone()))
    if isinstance(answer, Verdict):
        return answer
    if abs(answer - expected) < 1e-5:
        return Verdict("right", "Right: 0 for a plain surface, and high for noise.")
    slips = {
        "You count one direction only; add the other one.": (down.abs().mean(), across.abs().mean()),
        "Without absolute values, rises and falls cancel.": (down.mean() + across.mean(),),
        "You add the differences up; expected means, so that the size of the picture does not matter.": (
            down.abs().sum() + across.abs().sum(),
        ),
        "You square the differences; expected absolute values.": (down.square().mean() + across.square().mean(),),
    }
    for message, values in slips.items():
        if any(abs(answer - float(value)) < 1e-4 for value in values):
            return Verdict("wrong", message)
    return Verdict("wrong", f"Expected {expected:.3f}, and yours is {answer:.3f}.")
