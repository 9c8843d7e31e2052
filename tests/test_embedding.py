"""Maps and what they keep: against scikit-learn, against cases whose answer is known, and with nonsense."""

import pytest
import torch
from torch import Tensor, nn

from vislib.activations import record
from vislib.embedding import class_weights, nearest, neighbour_accuracy, pca, trustworthiness, tsne
from vislib.models import Classifier
from vislib.nets import SmallCNN


def _random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _clusters(n: int = 60) -> tuple[Tensor, Tensor]:
    labels = torch.arange(n) % 3
    return _random(n, 10) + 20 * torch.eye(3, 10)[labels], labels


@pytest.mark.parametrize("shape", [(50, 8), (8, 50), (30, 30), (100, 40)])
def test_pca_is_scikit_learns_up_to_the_sign(shape: tuple[int, int]) -> None:
    from sklearn.decomposition import PCA

    x = _random(*shape).double() * torch.linspace(1, 3, shape[1]) + 5
    ours, theirs = pca(x, 5), PCA(5, svd_solver="full").fit(x.numpy())
    signs = torch.from_numpy(theirs.components_).mul(ours.components).sum(1).sign()
    expected = torch.from_numpy(theirs.transform(x.numpy())) * signs
    torch.testing.assert_close(ours.points, expected, rtol=0, atol=1e-5)
    torch.testing.assert_close(ours.explained, torch.from_numpy(theirs.explained_variance_ratio_), rtol=0, atol=1e-5)
    torch.testing.assert_close(
        ours.components * signs[:, None], torch.from_numpy(theirs.components_), rtol=0, atol=1e-5
    )


def test_pca_of_single_precision_is_as_exact_as_single_precision_can_be() -> None:
    from sklearn.decomposition import PCA

    x = _random(300, 40) * torch.linspace(1, 3, 40)  # neighbouring variances: the hard case
    ours, theirs = pca(x).points, torch.from_numpy(PCA(2, svd_solver="full").fit_transform(x.double().numpy()))
    theirs *= (ours * theirs).sum(0).sign()
    torch.testing.assert_close(ours, theirs.float(), rtol=0, atol=1e-5)


def test_the_largest_entry_of_a_component_is_positive_so_that_nothing_flips() -> None:
    x = _random(40, 6)
    for data in (x, -x):
        components = pca(data, 3).components
        assert bool((components.gather(1, components.abs().argmax(1, keepdim=True)) > 0).all())
    torch.testing.assert_close(pca(x, 3).components, pca(-x, 3).components)


def test_pca_finds_the_plane_in_which_the_points_lie() -> None:
    plane = _random(40, 2) @ _random(2, 9, seed=1) + 3
    found = pca(plane)
    assert float(found.explained.sum()) == pytest.approx(1, abs=1e-5)
    torch.testing.assert_close(found.points @ found.components + found.mean, plane, rtol=0, atol=1e-4)


def test_transform_puts_new_points_where_old_ones_would_be() -> None:
    x = _random(40, 3, 4)
    found = pca(x, 3)
    torch.testing.assert_close(found.transform(x[:7]), found.points[:7])


def test_points_that_are_all_the_same_explain_nothing() -> None:
    found = pca(torch.ones(5, 4))
    assert found.explained.tolist() == [0, 0]
    assert found.points.abs().max() == 0


@pytest.mark.parametrize("k", [1, 5, 10])
def test_trustworthiness_is_scikit_learns(k: int) -> None:
    from sklearn.manifold import trustworthiness as theirs

    x = _random(80, 6)
    for points in (x[:, :2], _random(80, 2, seed=1), x):
        assert trustworthiness(x, points, k=k) == pytest.approx(
            theirs(x.numpy(), points.numpy(), n_neighbors=k), abs=1e-6
        )


def test_neighbour_accuracy_is_scikit_learns() -> None:
    from sklearn.neighbors import KNeighborsClassifier

    x, labels = _random(30, 3), torch.arange(30) % 2  # two classes and odd k: no ties, which are broken in another way
    rows = torch.arange(30)
    hits = [
        KNeighborsClassifier(5).fit(x[rows != i], labels[rows != i]).predict(x[i : i + 1])[0] == labels[i] for i in rows
    ]
    assert neighbour_accuracy(x, labels, k=5) == pytest.approx(sum(hits) / 30)


def test_neighbour_accuracy_of_known_cases() -> None:
    line = torch.tensor([[0.0], [1.0], [10.0], [11.0]])
    assert neighbour_accuracy(line, torch.tensor([0, 0, 1, 1]), k=1) == 1
    assert neighbour_accuracy(line, torch.tensor([0, 1, 0, 1]), k=1) == 0
    # the two nearest disagree: the nearer one decides
    assert neighbour_accuracy(torch.tensor([[0.0], [1.0], [3.0]]), torch.tensor([0, 0, 1]), k=2) == pytest.approx(2 / 3)


def test_a_point_is_not_its_own_neighbour_even_where_points_coincide() -> None:
    assert nearest(torch.zeros(4, 2), k=3).sort(1).values.tolist() == [[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]]


def test_tsne_keeps_clusters_apart_and_is_the_same_at_every_call() -> None:
    x, labels = _clusters()
    state = torch.get_rng_state()
    points = tsne(x, perplexity=10)
    assert points.shape == (60, 2)
    assert points.dtype == x.dtype
    assert neighbour_accuracy(points, labels, k=5) == 1
    assert torch.equal(points, tsne(x, perplexity=10))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.slow
def test_tsne_is_as_trustworthy_as_scikit_learns() -> None:
    from sklearn.manifold import TSNE

    x = _clusters(300)[0]
    theirs = torch.from_numpy(TSNE(init="pca", random_state=0).fit_transform(x.numpy()))
    assert trustworthiness(x, tsne(x)) > trustworthiness(x, theirs) - 0.01


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pca(torch.zeros(3)), r"torch.float32 of shape \(3,\); expected a floating point tensor"),
        (lambda: pca(torch.zeros(3, 4, dtype=torch.int64)), "torch.int64"),
        (lambda: pca([[1.0]]), "a list"),
        (lambda: pca(torch.full((3, 4), torch.nan)), "contain NaN"),
        (lambda: pca(torch.zeros(3, 4), 4), "n_components is 4; expected 1 to 3 for 3 points of 4 dimensions"),
        (
            lambda: tsne(torch.zeros(10, 4), perplexity=4),
            "perplexity is 4; expected from 1 to 3, a third of the other points",
        ),
        (
            lambda: tsne(torch.zeros(10, 4), perplexity=2, iterations=9),
            "iterations is 9; expected an int of at least 250",
        ),
        (lambda: nearest(torch.zeros(4, 2), k=4), "k is 4; expected an int from 1 to 3, for 4 points"),
        (lambda: neighbour_accuracy(torch.zeros(4, 2), torch.zeros(3)), r"labels came as shape \(3,\) for 4 points"),
        (lambda: trustworthiness(torch.zeros(9, 2), torch.zeros(8, 2)), "9 points and 8 on the map"),
        (lambda: trustworthiness(torch.zeros(9, 2), torch.zeros(9, 2), k=5), "k is 5"),
    ],
)
def test_nonsense_is_refused(call: object, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        call()  # type: ignore[operator]


def test_class_weights_are_those_of_the_last_linear_layer() -> None:
    network = SmallCNN(size=16, widths=(4, 4))
    for model in (network, Classifier(network)):
        weights = class_weights(model)
        assert weights.shape == (6, 64)
        assert torch.equal(weights, network.head.weight)
        weights.zero_()
        assert bool(network.head.weight.any())  # the reader has a copy
    with pytest.raises(ValueError, match=r"has no nn\.Linear layer"):
        class_weights(nn.Conv2d(3, 4, 1))


def test_class_weights_of_networks_of_torchvision() -> None:
    from torchvision import models

    small = {"image_size": 32, "patch_size": 16, "num_layers": 1, "num_heads": 2, "hidden_dim": 12, "mlp_dim": 8}
    for network, shape in (
        (models.ResNet(models.resnet.BasicBlock, [1, 1, 1, 1], num_classes=7), (7, 512)),
        (models.mobilenet_v3_small(), (1000, 1024)),
        (models.VisionTransformer(**small), (1000, 12)),
    ):
        assert class_weights(network).shape == shape


def test_record_sees_named_layers_and_removes_its_hooks(cnn: nn.Module, images: Tensor) -> None:
    with record(cnn, ["0", "2"]) as seen:
        cnn(images)
        assert set(seen) == {"0", "2"}
        torch.testing.assert_close(seen["2"], cnn[1](seen["0"]).relu())
    assert not any(module._forward_hooks for module in cnn.modules())


def test_record_removes_its_hooks_after_an_exception(cnn: nn.Module) -> None:
    def interrupted() -> None:
        with record(cnn, ["0"]):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with pytest.raises(ValueError, match="there is no layer 'conv1'"), record(cnn, ["0", "conv1"]):
        pass
    with pytest.raises(ValueError, match="did you mean 'relu1'"), record(SmallCNN(), ["rleu1"]):
        pass
    assert not any(module._forward_hooks for module in cnn.modules())


def test_record_keeps_a_value_that_the_next_layer_overwrites() -> None:
    network = nn.Sequential(nn.Linear(3, 3), nn.ReLU(inplace=True))
    with record(network, ["0"]) as seen:
        network(_random(20, 3))
    assert bool((seen["0"] < 0).any())


def test_record_keeps_the_graph_on_request(cnn: nn.Module, images: Tensor) -> None:
    with record(cnn, ["0"], detach=False) as seen:
        cnn(images)
    assert seen["0"].requires_grad
    with record(cnn, ["0"]) as seen:
        cnn(images)
    assert not seen["0"].requires_grad


def test_neighbours_within_groups_that_lie_far_apart_are_right() -> None:
    """Distances by products of matrices are rounded by as much as neighbours differ, 10,000 from each other's mean."""
    points = _random(200, 16) + 1e4 * (torch.arange(200) % 2)[:, None]
    exact = torch.cdist(points.double(), points.double()).fill_diagonal_(torch.inf).topk(5, largest=False).indices
    assert float((nearest(points, k=5) == exact).float().mean()) > 0.98
    assert trustworthiness(points, points.double(), k=5) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_points_of_half_precision_have_the_neighbours_of_the_same_numbers(dtype: torch.dtype) -> None:
    points, labels = _clusters()
    half = points.to(dtype)
    assert torch.equal(nearest(half, k=5), nearest(half.float(), k=5))
    assert neighbour_accuracy(half, labels, k=5) == neighbour_accuracy(half.float(), labels, k=5)
    assert torch.equal(tsne(half, perplexity=5, iterations=260), tsne(half.float(), perplexity=5, iterations=260))
