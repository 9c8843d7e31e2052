"""Every routine of the pretend device's list on a real GPU: the CPU's values, on the device of the images."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.routines import PLAIN, ROUTINES, tensors

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device, and PyTorch sees none"),
]


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


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA devices")
def test_the_second_gpu_too(cnn: nn.Module, images: Tensor) -> None:
    name = "occlusion.occlusion"
    target = torch.tensor([0, 3, 4])
    result = ROUTINES[name](_to(cnn, "cuda:1"), images.to("cuda:1"), target.to("cuda:1"))
    assert result.device == torch.device("cuda:1")
    torch.testing.assert_close(result.cpu(), ROUTINES[name](cnn, images, target), rtol=1e-3, atol=1e-4)
