"""How the networks of notebook 01 that explain themselves are trained: on the class, the mask and the words at once."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vislib.data import ImageSet
from vislib.models import Classifier
from vislib.nets import SelfExplainingNet, Told
from vislib.training import fit


def fit_jointly(
    model: Classifier, data: ImageSet, *, words: Sequence[str] = ("texture",), weight: float = 2.0, **options: Any
) -> list[float]:
    """Train a classifier around a `SelfExplainingNet` on labels and annotations at once, in place.

    The loss is the sum of three cross-entropies: of the class, of the mask at each place, and of the words.

    Args:
        model: the classifier, on the device of the data.
        data: the training set, with masks and the attributes that `words` names.
        words: which attribute answers each question of the network.
        weight: of mask and words beside the class.
        options: as in `fit`.

    Returns:
        The mean loss of each epoch.

    Raises:
        TypeError, ValueError: if the network explains nothing, the annotations are missing, or as in `fit`.
    """
    if not isinstance(network := model.network, SelfExplainingNet):
        raise TypeError(f"the model is around a {type(network).__name__}; expected a SelfExplainingNet.")
    if data.masks is None or not set(words) <= set(data.attributes) or len(words) != len(network.word_heads):
        raise ValueError(
            f"words is {tuple(words)}, the data has {'no ' if data.masks is None else ''}masks and the attributes "
            f"{', '.join(data.attributes) or 'none'}; expected masks, and {len(network.word_heads)} attributes as words."
        )
    masks, truth = data.masks, [data.attributes[word] for word in words]

    def joint(told: Told, index: Tensor) -> Tensor:
        """Compare with all that is known of the images of these numbers."""
        said = sum(F.cross_entropy(answer, word[index]) for answer, word in zip(told.words, truth, strict=True))
        area = F.adaptive_avg_pool2d(masks[index].to(told.mask), (told.mask.shape[1], told.mask.shape[2]))
        mask = F.binary_cross_entropy_with_logits(told.mask, area, pos_weight=area.new_tensor(3.0))  # objects are small
        return F.cross_entropy(told.logits, data.labels[index]) + weight * (mask + said)

    numbered = replace(data, labels=torch.arange(len(data), device=data.images.device))
    return fit(_Told(model), numbered, loss=joint, **options)  # type: ignore[arg-type]


class _Told(nn.Module):
    """A classifier that answers with everything it has to tell."""

    def __init__(self, model: Classifier) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Told:
        network = self.model.network
        assert isinstance(network, SelfExplainingNet)
        return network.told((images - self.model.mean) / self.model.std)
