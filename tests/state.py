"""What a routine must leave as it found it: the model, and the global random state."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

_HOOKS = [
    "_forward_hooks",
    "_forward_pre_hooks",
    "_backward_hooks",
    "_backward_pre_hooks",
    "_state_dict_hooks",
    "_load_state_dict_pre_hooks",
]


def state(model: nn.Module) -> dict[str, Any]:
    """Return training flags, hooks, weights and gradients of every layer, and the global random states."""
    found: dict[str, Any] = {"torch": torch.get_rng_state().tolist(), "python": random.getstate()}
    found["numpy"] = np.random.get_state()[1].tolist()
    found["grad mode"] = torch.is_grad_enabled()
    for name, module in model.named_modules():
        found[f"{name} training"] = module.training
        found[f"{name} hooks"] = [len(getattr(module, hooks)) for hooks in _HOOKS]
        found[f"{name} forward"] = module.forward.__qualname__
    for name, parameter in model.named_parameters():
        found[f"{name} requires_grad"] = parameter.requires_grad
        found[f"{name} grad"] = parameter.grad
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        found[f"{name} values"] = tensor.detach().flatten().tolist()
    return found


@contextmanager
def unchanged(model: nn.Module) -> Iterator[None]:
    """Fail if the block, also one that raises what the test expects, leaves anything different."""
    before = state(model)
    yield
    after = state(model)
    assert {k: (v, after.get(k)) for k, v in before.items() if after.get(k) != v} == {}
    assert before.keys() == after.keys()
