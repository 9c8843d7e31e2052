"""The reader's own picture: asked with a button, kept on this machine alone, and at hand in the later notebooks."""

import html
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from PIL import Image

from vislib import data
from vislib.course.described import described
from vislib.course.encoding import encoded_figure
from vislib.course.figures import heatmaps
from vislib.data.photographs import mine, picture
from vislib.models import Classifier
from vislib.occlusion import occlusion

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vislib.course.frame import Explorer

WIDTH = 760  # of the figure on the screen, in pixels


def photo(otherwise: str = "coffee") -> Image.Image:
    """Return the reader's own picture, or the photograph of this name while there is none."""
    return data.photo("mine" if mine().is_file() else otherwise)


def keep(file: Path | str | BinaryIO, name: str = "") -> Image.Image:
    """Remember a picture file for all notebooks, made small, as `data.photo("mine")`; return it.

    Raises:
        ValueError: if the file is no picture, or nothing can be written where it would be kept.
    """
    seen = data.photo(file) if isinstance(file, Path | str) else picture(file, name)
    try:
        mine().parent.mkdir(parents=True, exist_ok=True)
        seen.save(mine(), "PNG")
    except OSError as error:
        raise ValueError(f"your picture cannot be kept ({error}); set VISLIB_PHOTO to a file that can.") from error
    return seen


def forget() -> None:
    """Delete the picture that was kept."""
    mine().unlink(missing_ok=True)


def asked(model: Classifier, photograph: Image.Image, fills: tuple[str, ...] = ("black", "noise")) -> "Figure":
    """Draw a photograph under the model's answer, beside the occlusion map of that answer for each fill."""
    image = model.preprocess(photograph)
    name, probability = model.top(image, k=1)[0][0]
    target = int(model(image).argmax())
    maps = {fill: occlusion(model, image, target, patch=32, stride=16, fill=fill) for fill in fills}
    return heatmaps(image, maps, label=f"drop of {name}", titles=[f"{name} {probability:.2f}"])


def upload(model: Classifier, otherwise: str = "coffee") -> "Explorer":
    """Show a button that takes a picture file, asks the model about it, and keeps it; at first, the answer to `photo`."""
    import ipywidgets as widgets

    from vislib.course.frame import Explorer, still

    button = widgets.FileUpload(accept="image/*", description="your picture", layout=widgets.Layout(width="200px"))
    answer = widgets.HTML()

    def page(photograph: Image.Image, caption: str) -> str:
        figure = asked(model, photograph)
        return still(encoded_figure(figure), "", alt=described(figure), caption=caption, width=WIDTH)

    def uploaded(change: Any) -> None:
        for file in change["new"]:
            try:
                seen = keep(BytesIO(file["content"]), file["name"])
                answer.value = f"<p>{html.escape(file['name'])}: covering it, square by square …</p>{answer.value}"
                answer.value = page(seen, html.escape(f"{file['name']}: kept for the other notebooks."))
            except ValueError as error:
                answer.value = f"<p>{html.escape(str(error))}</p>"

    button.observe(uploaded, "value")
    answer.value = page(photo(otherwise), "Yours." if mine().is_file() else f"{otherwise}, until you choose yours.")
    return Explorer([button, answer], "Your own picture", answer.value)
