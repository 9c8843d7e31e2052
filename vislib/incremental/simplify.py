"""A copy of a network's modules that shares the weights, in which BatchNorm is one multiplication and one sum."""

import copy
from typing import Any

from torch import nn

from vislib.incremental.fused import Affine


def simple_copy(model: nn.Module) -> nn.Module:
    """Return a copy of the modules, BatchNorm with stored statistics made simple; the parameters are the model's own."""
    known: dict[int, Any] = {id(p): p for p in model.parameters()}
    for module in model.modules():
        if module.__module__.startswith("torch.nn.modules.") and not module._modules:
            twin = type(module).__new__(type(module))  # PyTorch's own layers keep nothing that a call would change
            twin.__dict__.update(module.__dict__)
            known[id(module)] = twin
    made = copy.deepcopy(model, known)
    for module in list(made.modules()):
        for name, child in module.named_children():
            norm = type(child) is nn.BatchNorm2d or is_timm(child, "BatchNormAct2d")  # which has an activation inside
            if norm and not child.training and child.running_mean is not None:
                setattr(module, name, nn.Sequential(Affine(child), *child.children()))
    return made


def is_timm(module: nn.Module, name: str) -> bool:
    """Tell whether a module is timm's layer of this name."""
    return type(module).__name__ == name and type(module).__module__.startswith("timm.layers.")


def is_watched(model: nn.Module) -> bool:
    """Tell whether someone watches or changes what a module does from outside."""
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_global_forward_hooks", "_global_forward_pre_hooks")
    hooked = any(getattr(m, name, None) for m in (*model.modules(), nn.modules.module) for name in hooks)
    return hooked or any("forward" in vars(m) for m in model.modules())
