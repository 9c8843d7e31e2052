"""On a real GPU: every routine of the pretend device's list gives the CPU's values there, and every notebook runs.

Nothing is passed over where PyTorch sees no GPU: whoever asks for these tests (``make gpu``) is told so.
"""

import copy
from pathlib import Path
from typing import Any

import nbformat
import pytest
import torch
from nbclient import NotebookClient
from torch import Tensor, nn

from tests.notebooks import PATHS
from tests.routines import PLAIN, ROUTINES, tensors

pytestmark = pytest.mark.gpu


@pytest.fixture(autouse=True, scope="module")
def _gpu() -> None:
    if not torch.cuda.is_available():
        pytest.fail("PyTorch sees no CUDA device here; make gpu needs one.", pytrace=False)


def _to(thing: Any, device: str) -> Any:
    return copy.deepcopy(thing).to(device)


@pytest.fixture(autouse=True)
def _exact() -> Any:
    """Full single precision: TensorFloat-32 would differ from the CPU in the fourth digit."""
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False
    yield
    torch.set_float32_matmul_precision(before[0])
    torch.backends.cudnn.allow_tf32 = before[1]


@pytest.mark.parametrize("name", ROUTINES)
def test_same_values_as_on_the_cpu(name: str, cnn: nn.Module, images: Tensor) -> None:
    target = torch.tensor([0, 3, 4])
    expected = tensors(ROUTINES[name](cnn, images, target))
    result = tensors(ROUTINES[name](_to(cnn, "cuda"), images.cuda(), target.cuda()))
    assert len(result) == len(expected) > 0
    for ours, cpu in zip(result, expected, strict=True):
        if not name.endswith(PLAIN):
            assert ours.device.type == "cuda"
        torch.testing.assert_close(ours.cpu(), cpu, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", ROUTINES)
def test_a_mix_of_devices_is_refused(name: str, cnn: nn.Module, images: Tensor) -> None:
    with pytest.raises((ValueError, RuntimeError), match=r"cuda.*cpu|cpu.*cuda|torch\.cuda\.FloatTensor"):
        ROUTINES[name](_to(cnn, "cuda"), images, torch.tensor([0, 3, 4]))


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_every_notebook_runs(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VISLIB_DEVICE", raising=False)
    monkeypatch.setenv("CI", "true")  # no progress bars
    notebook = nbformat.read(path, as_version=4)
    where = {"metadata": {"path": str(path.parent)}}
    NotebookClient(notebook, timeout=1200, kernel_name="python3", resources=where).execute()


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA devices")
def test_the_second_gpu_too(cnn: nn.Module, images: Tensor) -> None:
    name = "occlusion.occlusion"
    target = torch.tensor([0, 3, 4])
    result = ROUTINES[name](_to(cnn, "cuda:1"), images.to("cuda:1"), target.to("cuda:1"))
    assert result.device == torch.device("cuda:1")
    torch.testing.assert_close(result.cpu(), ROUTINES[name](cnn, images, target), rtol=1e-3, atol=1e-4)
