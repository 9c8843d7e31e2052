"""A copy of a network's modules that shares the weights, with what libraries write at length put simply."""

import copy
from typing import Any

from torch import nn


def shared_copy(model: nn.Module) -> nn.Module:
    """Return a copy of the modules; the parameters, which are large, are the model's own."""
    known: dict[int, Any] = {id(p): p for p in model.parameters()}
    for module in model.modules():
        if module.__module__.startswith("torch.nn.modules.") and not module._modules:
            twin = type(module).__new__(type(module))  # PyTorch's own layers keep nothing that a call would change
            twin.__dict__.update(module.__dict__)
            known[id(module)] = twin
    return copy.deepcopy(model, known)


def simplify(module: nn.Module) -> None:
    """Replace, in a copy, modules of the libraries that are simpler in evaluation mode than their code says."""
    for name, child in module.named_children():
        if is_timm(child, "BatchNormAct2d") and child.running_mean is not None:
            old: Any = child
            norm = nn.BatchNorm2d(old.num_features, eps=old.eps, device="meta").train(old.training)
            for tensor in ("running_mean", "running_var", "weight", "bias"):
                setattr(norm, tensor, getattr(old, tensor))
            setattr(module, name, nn.Sequential(norm, old.drop, old.act))
    for child in module.children():
        simplify(child)


def is_timm(module: nn.Module, name: str) -> bool:
    """Tell whether a module is timm's layer of this name."""
    return type(module).__name__ == name and type(module).__module__.startswith("timm.layers.")


def is_watched(model: nn.Module) -> bool:
    """Tell whether someone watches or changes what a module does from outside."""
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_global_forward_hooks", "_global_forward_pre_hooks")
    hooked = any(getattr(m, name, None) for m in (*model.modules(), nn.modules.module) for name in hooks)
    return hooked or any("forward" in vars(m) for m in model.modules())
