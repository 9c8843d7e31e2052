"""Every public routine gives the CPU's values on another device, and refuses a mix of devices.

One of each topic at every run, all of them in `make test-all`.
"""

import pytest
import torch
from torch import Tensor, nn

from tests import public
from tests.pretend import DEVICE, PretendTensor, to_pretend
from tests.routines import PLAIN, REPRESENTATIVES, ROUTINES, tensors
from vislib import gradients

EACH = [pytest.param(name, marks=() if name in REPRESENTATIVES else pytest.mark.slow) for name in ROUTINES]


def _entered(name: str) -> str:
    """Return the public name that an entry is about: "reconstruction.reconstruct of a unit" is about the first word."""
    return name.split()[0]


def test_every_public_routine_is_entered() -> None:
    missing = public.routines().keys() - set(map(_entered, ROUTINES))
    assert not missing, (
        f"enter into ROUTINES of tests/routines.py, or with a reason into NOT_ROUTINES of tests/public.py: {sorted(missing)}"
    )


def test_every_entry_and_every_exemption_is_about_something_public() -> None:
    everything = public.everything()
    classes = {name.rpartition(".")[0] for name in everything}  # also those that are only made, such as data.ImageSet
    assert {name for name in map(_entered, ROUTINES) if name not in everything and name not in classes} == set()
    assert [name for name in ROUTINES if public.exempt(_entered(name))] == []
    for pattern in public.NOT_ROUTINES:
        assert any(public.fnmatchcase(name, pattern) for name in everything), f"{pattern} exempts nothing"


def test_every_topic_has_a_representative() -> None:
    assert set(REPRESENTATIVES) <= set(ROUTINES)
    assert {name.split(".")[0] for name in REPRESENTATIVES} == {name.split(".")[0] for name in ROUTINES}


def test_a_new_public_routine_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    def new(images: Tensor) -> Tensor:
        return images

    monkeypatch.setattr(new, "__module__", "vislib.gradients")
    monkeypatch.setattr(gradients, "new", new, raising=False)
    monkeypatch.setattr(gradients, "__all__", [*gradients.__all__, "new"])
    assert public.routines().keys() - set(map(_entered, ROUTINES)) >= {"gradients.new"}


@pytest.mark.parametrize("name", EACH)
def test_same_values_on_another_device(name: str, cnn: nn.Module, images: Tensor, pretend: torch.device) -> None:
    target = torch.tensor([0, 3, 4])
    expected = tensors(ROUTINES[name](cnn, images, target))
    result = tensors(ROUTINES[name](to_pretend(cnn), to_pretend(images), to_pretend(target)))
    assert len(result) == len(expected) > 0
    for ours, cpu in zip(result, expected, strict=True):
        if not name.endswith(PLAIN):
            assert ours.device == DEVICE
        torch.testing.assert_close(ours.cpu() if isinstance(ours, PretendTensor) else ours, cpu, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", EACH)
def test_a_mix_of_devices_is_refused(name: str, cnn: nn.Module, images: Tensor, pretend: torch.device) -> None:
    target = torch.tensor([0, 3, 4])
    with pytest.raises((ValueError, RuntimeError), match=r"pretend.*cpu|cpu.*pretend"):
        ROUTINES[name](to_pretend(cnn), images, target)


def test_the_pretend_device_is_another_device(pretend: torch.device) -> None:
    here, there = torch.ones(3), torch.ones(3, device=pretend)
    assert there.device == DEVICE
    with pytest.raises(RuntimeError, match="same device"):
        here + there
    with pytest.raises((RuntimeError, TypeError)):
        there.numpy()
    assert (here + there.cpu()).tolist() == [2, 2, 2]
