"""Networks of other makers: notebook 02 with one of torchvision, and which map is the last in those of timm."""

import os
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
import timm
import torch
from nbclient import NotebookClient
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from tests import notebooks
from vislib.gradients import grad_cam
from vislib.gradients.feature_maps import maps


@pytest.mark.slow
def test_notebook_02_runs_with_the_network_that_its_text_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision import models

    name = "resnet18"
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    file = Path(str(models.get_model_weights(name).DEFAULT.url)).name
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    torch.save(models.get_model(name, weights=None).state_dict(), tmp_path / "hub" / "checkpoints" / file)
    monkeypatch.setenv("VISLIB_MODEL", name)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(notebooks.FOLDER.parent), os.environ.get("PYTHONPATH", "")]))
    notebook = nbformat.read(notebooks.FOLDER / "02_weight_pca.ipynb", as_version=4)
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    text = "".join(o.get("text", "") for c in notebook.cells for o in c.get("outputs", []))
    assert f"{name} (1000, 512)" in text
    [difference] = re.findall(r"largest difference from the library: (\S+)", text)
    assert float(difference) < 1e-5
    assert "on this machine" not in text  # its map is drawn, since its weights are here


@pytest.fixture
def _same_networks() -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@pytest.fixture
def _checkpoints_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep checkpoints from asking the pretended device, see tests.pretend, for its mixed precision."""
    monkeypatch.setattr(torch.utils.checkpoint.DefaultDeviceType, "_default_device_type", "cpu")


@pytest.fixture
def pictures() -> Tensor:
    return torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))


TOKENS: dict[str, dict[str, Any]] = {
    "vit_tiny_patch16_224": {"depth": 1},
    "cait_xxs24_224": {"depth": 2},
    "convit_tiny": {"depth": 2, "local_up_to_layer": 1},
    "tnt_s_legacy_patch16_224": {"depth": 1},
    "mixer_s32_224": {},
    "xcit_nano_12_p16_224": {"depth": 2},
}


@pytest.mark.usefixtures("_same_networks")
@pytest.mark.parametrize("name", TOKENS)
def test_a_network_that_goes_on_with_tokens_has_no_last_map(name: str, pictures: Tensor) -> None:
    model = timm.create_model(name, num_classes=5, img_size=64, **TOKENS[name]).eval()
    with pytest.raises(ValueError, match=r"goes on with tokens, up to '.*'; expected the name of a layer"):
        grad_cam(model, pictures, 1)


MAPS = {
    "ecaresnet26t": "stages.3|layer4",
    "resnet18": "layer4",
    "densenet121": "features",
    "convnext_atto": "stages.*|head.*|norm_pre",
    "mobilevit_xxs": "final_conv.*",
    "pvt_v2_b0": "stages",
}


@pytest.mark.usefixtures("_same_networks")
@pytest.mark.parametrize("name", MAPS)
def test_a_network_that_comes_back_to_a_map_has_a_last_one(name: str, pictures: Tensor) -> None:
    model = timm.create_model(name, num_classes=5).eval()
    with maps(model, None) as found:
        model(pictures)
        layer, output, _, size = found()
    assert re.fullmatch(MAPS[name], layer)
    assert size is not None
    assert output.ndim == 4
    assert torch.equal(grad_cam(model, pictures, 1), grad_cam(model, pictures, 1, layer=layer))


class Attending(nn.Module):
    """Cuts a map of 6 x 6 into tokens, perhaps fewer, whose attention has weights of its own: among heads, last or first."""

    def __init__(self, way: str, few: int | None) -> None:
        super().__init__()
        self.cut, self.few, self.way = nn.Conv2d(3, 8, 4, 4), few, way
        self.ask, self.head, self.drop = nn.Linear(8, 16), nn.Linear(8, 5), nn.Dropout()
        self.mix = nn.Linear(2, 2) if way == "last" else nn.Conv2d(2, 2, 1)

    def forward(self, images: Tensor) -> Tensor:
        x = self.cut(images).flatten(2).mT[:, : self.few]
        q, k = self.ask(x).unflatten(2, (2, 2, 4)).permute(2, 0, 3, 1, 4)
        shares = q @ k.mT  # (B, heads, T, T)
        shares = self.mix(shares.movedim(1, -1)).movedim(-1, 1) if self.way == "last" else self.mix(shares)
        x = self.drop(shares.softmax(-1)).mean(1) @ x
        logits: Tensor = self.head(x.mean(1))
        return logits


@pytest.mark.usefixtures("_same_networks")
@pytest.mark.parametrize("few", [None, 20, 2])
@pytest.mark.parametrize("way", ["last", "first"])
def test_attention_is_no_map(way: str, few: int | None) -> None:
    model, images = Attending(way, few).eval(), torch.rand(2, 3, 24, 24)
    with pytest.raises(ValueError, match="after the map of 'cut' the network goes on with tokens"):
        grad_cam(model, images, 1)
    if few != 2:
        with pytest.raises(ValueError, match=r"the layer 'drop' answers with shape .*expected maps"):
            grad_cam(model, images, 1, layer="drop")
    assert grad_cam(model, images, 1, layer="cut").shape == (2, 24, 24)


class Again(nn.Module):
    """Computes its second part again on the way back."""

    def __init__(self, first: nn.Module, second: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.first, self.second, self.head = first, second, head

    def forward(self, images: Tensor) -> Tensor:
        seen = checkpoint(self.second, self.first(images), use_reentrant=False)  # type: ignore[no-untyped-call]
        logits: Tensor = self.head(seen.mean((2, 3)))
        return logits


@pytest.mark.usefixtures("_same_networks")
@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.usefixtures("_checkpoints_on_the_cpu")
@pytest.mark.parametrize("layer", [None, "first", "second", "second.0", "second.1", "second.2", "second.3"])
def test_a_checkpoint_does_not_change_a_map(layer: str | None, frozen: bool) -> None:
    second = nn.Sequential(nn.Conv2d(4, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.ReLU())
    model = Again(nn.Conv2d(3, 4, 3), second, nn.Linear(4, 5)).eval().requires_grad_(not frozen)
    images = torch.rand(2, 3, 16, 16)
    found = grad_cam(model, images, 1, layer=layer)
    plain = nn.Sequential()
    plain.first, plain.second = model.first, model.second
    plain.pool, plain.flat, plain.head = nn.AdaptiveAvgPool2d(1), nn.Flatten(), model.head
    torch.testing.assert_close(found, grad_cam(plain, images, 1, layer=layer or "second.3"))
