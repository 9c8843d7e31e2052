"""What the network answers wherever a patch lies on the tripod, for a page without a kernel: ``python -m tools.make_patch``."""

import json

import torch

from tools.run_notebooks import FOLDER
from vislib import data, fills, models
from vislib.course.encoding import encoded_image

OUT = FOLDER.parent / "docs" / "patch"
PATCH, STEP = 64, 8  # pixels
FILLS = ("black", "white", "mean")  # each of one colour, which a page can paint


def answers() -> dict[str, object]:
    """Return sizes, colours, and per fill the probability of *tripod* at each place: rows from the top, columns from the left."""
    model = models.load("efficientnet_lite0", device="cpu")
    image = model.preprocess(data.photo("cameraman"))
    starts = range(0, image.shape[-1] - PATCH + 1, STEP)
    tripod, found = model.index("tripod"), {}
    for fill in FILLS:
        canvas = fills.canvas(fill, image)
        rows = []
        for y in starts:
            copies = image.repeat(len(starts), 1, 1, 1)
            for copy, x in zip(copies, starts, strict=True):
                copy[:, y : y + PATCH, x : x + PATCH] = canvas[0, :, y : y + PATCH, x : x + PATCH]
            with torch.no_grad():
                rows.append([round(p, 3) for p in model(copies).softmax(1)[:, tripod].tolist()])
        colour = "#" + "".join(f"{round(255 * v):02x}" for v in canvas[0, :, 0, 0].tolist())
        found[fill] = {"colour": colour, "left": rows}
    with torch.no_grad():
        clean = model(image).softmax(1)[0, tripod].item()
    OUT.mkdir(exist_ok=True)
    (OUT / "photograph.jpg").write_bytes(encoded_image(image[0], "JPEG"))
    return {"side": image.shape[-1], "patch": PATCH, "step": STEP, "clean": round(clean, 3), "fills": found}


if __name__ == "__main__":
    made = answers()
    (OUT / "answers.json").write_text(json.dumps(made, separators=(",", ":")) + "\n", encoding="utf-8")
    print(f"{OUT.relative_to(FOLDER.parent)}: {sum(file.stat().st_size for file in OUT.iterdir()) // 1024} KB")
