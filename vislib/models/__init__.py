"""Networks that take pixels in [0, 1]: the normalisation is inside.

`Classifier` wraps any network, also your own, and `TwoClasses` one that answers a single number; `load` opens the
ImageNet networks, `trained` the small ones of the course.
"""

from vislib.models.checkpoints import trained
from vislib.models.classifier import Classifier, TwoClasses
from vislib.models.pretrained import DEFAULT, EMBEDDED, fetch, load, names, weights_file

__all__ = ["DEFAULT", "EMBEDDED", "Classifier", "TwoClasses", "fetch", "load", "names", "trained", "weights_file"]
