"""What notebooks 03 and 04 compute beside the library: probes, groups of points, covers, and what is read under a patch."""

import pytest
import torch
from torch import Tensor, nn

from vislib import data, models
from vislib.course import activation_tsne, occlusion
from vislib.course.described import described
from vislib.fills import black, white


def test_layers_are_the_same_in_batches() -> None:
    scenes = data.shapes(60, seed=5, device="cpu")
    found = activation_tsne.layers(activation_tsne.untrained(1).cpu(), scenes.images, ["pool4", "relu"])
    alone = activation_tsne.layers(activation_tsne.untrained(1).cpu(), scenes.images[56:], ["relu"])
    assert [tuple(x.shape) for x in found.values()] == [(60, 512), (60, 64)]
    torch.testing.assert_close(found["relu"][56:], alone["relu"])


def test_a_probe_reads_what_is_there_and_nothing_else() -> None:
    generator = torch.Generator().manual_seed(7)
    labels = torch.arange(400) % 4
    x = torch.randn(400, 12, generator=generator) + 3 * torch.eye(12)[labels]
    told = activation_tsne.probe(x[:300], labels[:300], x[300:], labels[300:])
    scaled = activation_tsne.probe(x[:300] / 1000, labels[:300], x[300:] / 1000, labels[300:])
    assert told == scaled > 0.85
    mixed = labels[torch.randperm(400, generator=generator)]
    assert activation_tsne.probe(x[:300], mixed[:300], x[300:], mixed[300:]) < 0.45


def test_groups_lie_as_far_apart_and_clouds_are_as_wide_as_said() -> None:
    points, group = activation_tsne.groups((7, 21), seed=3, n=600)
    a, b, c = (points[group == g].mean(0) for g in range(3))
    assert float((c - b).norm() / (b - a).norm()) == pytest.approx(3, rel=0.1)
    points, pair = activation_tsne.clouds(6, seed=3, n=600)
    assert float(points[pair == 1].std(0).mean() / points[pair == 0].std(0).mean()) == pytest.approx(6, rel=0.1)


def test_neighbours_stand_under_what_they_show() -> None:
    scenes = data.shapes(40, seed=9, device="cpu")
    figure = activation_tsne.neighbours(
        scenes, {"by label": torch.nn.functional.one_hot(scenes.labels).float()}, 4, k=3
    )
    titles = [axis.get_title() for axis in figure.axes]
    kinds = {title.split()[0] for title in titles}
    assert len(titles) == 4
    assert titles[0] == activation_tsne.named(scenes)[4]
    assert kinds == {titles[0].split()[0]}


class Mean(nn.Module):
    """Takes images of 32 pixels, and answers with their mean colour."""

    def forward(self, images: Tensor) -> Tensor:
        return images.mean((2, 3))


def test_squares_of_different_halves_share_no_pixel_and_are_compared_across() -> None:
    model = models.Classifier(Mean(), input_size=32).eval()
    cut = activation_tsne.pieces(model, 4, seed=5)
    assert len(cut) == 4 * len(data.PHOTOS) == len(cut.classes) * 4
    assert cut.attributes["half"].tolist() == [0, 1] * (2 * len(data.PHOTOS))
    rocket = list(data.PHOTOS).index("rocket")
    left, right = (cut.images[4 * rocket + k] for k in (0, 1))
    assert not torch.equal(left, right)
    perfect = torch.nn.functional.one_hot(cut.labels).float()
    assert activation_tsne.across(perfect, cut, k=2) == 1
    within = torch.nn.functional.one_hot(2 * cut.labels + cut.attributes["half"]).float()
    assert activation_tsne.across(within, cut, k=2) < 0.4  # who agrees within one half only, agrees with nobody across


def test_the_squares_lie_where_their_points_lie() -> None:
    cut = activation_tsne.pieces(models.Classifier(Mean(), input_size=32).eval(), 2, seed=1)
    points = torch.rand(len(cut), 2, generator=torch.Generator().manual_seed(8))
    figure = activation_tsne.collages({"a": points}, cut, {"a": cut.images})
    [axis] = figure.axes
    middles = torch.tensor([[(x0 + x1) / 2, (y0 + y1) / 2] for x0, x1, y0, y1 in (i.get_extent() for i in axis.images)])
    unit = (points - points.amin(0)) / (points.amax(0) - points.amin(0))
    torch.testing.assert_close(middles, unit, atol=1e-5, rtol=0)
    assert "2 rocket" in described(figure)


def test_the_crowd_grows_with_the_dimensions() -> None:
    room, curves = activation_tsne.crowding((2, 50), n=100).axes
    low, high = room.lines[0].get_ydata()
    assert low < 0.1 < 0.8 < high
    assert all((after >= before - 1e-6).all() for before, after in [[line.get_ydata() for line in curves.lines]])
    assert "64" not in described(room.figure)


def test_squares_are_counted_row_by_row() -> None:
    image = torch.full((1, 3, 12, 12), 0.5)
    covered = occlusion.cover(image, torch.tensor([1, 3]), white(image), side=4)
    expected = image.clone()
    expected[..., :4, 4:8] = expected[..., 4:8, :4] = 1
    assert torch.equal(covered, expected)
    assert torch.equal(image, torch.full((1, 3, 12, 12), 0.5))


def test_the_share_of_a_part_and_the_agreement_of_maps() -> None:
    heat = torch.zeros(1, 224, 224)
    heat[0, 140:224, 90:190] = 1
    heat[0, :10, :10] = -5
    assert occlusion.on_part(heat) == 1
    assert occlusion.on_part(-heat) == 0
    assert occlusion.most_at(heat) == "legs"
    steps = torch.arange(49.0).reshape(7, 7).repeat_interleave(32, 0).repeat_interleave(32, 1)[None]
    assert occlusion.alike(steps, steps.exp()) == pytest.approx(1)
    assert occlusion.alike(steps, -steps) == pytest.approx(-1)
    count = occlusion.agreeing({"a": heat, "b": heat * 0.001, "c": -heat}, least=0.01)
    assert (count[0, 150, 100], count[0, 5, 5], count[0, 100, 0]) == (1, 1, 0)


class Corner(nn.Module):
    """Says 1 where the lower left is bright, and 0 else."""

    def forward(self, images: Tensor) -> Tensor:
        ink = 10 * images[:, 0, -3:, :3].mean((1, 2))
        return torch.stack([5 - ink, ink], 1)


def test_the_patch_lies_where_it_costs_most_and_never_on_ink() -> None:
    images = torch.zeros(3, 1, 28, 28)
    images[0, 0, 22:28, 0:6] = 0.01  # the corner is not empty: no patch there
    changed, titles = occlusion.read_as(
        models.Classifier(Corner()).eval(), images, torch.zeros(3, dtype=torch.long), most=2
    )  # type: ignore[arg-type]
    assert titles == ["0 read as 1, 1.00"] * 2
    assert (changed[:, 0, 21:, :7] == 1).all()
    assert float(changed.sum()) == 2 * 49
    assert torch.equal(black(images), torch.zeros_like(images))
