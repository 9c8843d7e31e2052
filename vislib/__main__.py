"""``python -m vislib doctor`` and ``python -m vislib fetch``: see :mod:`vislib.course.doctor`."""

import sys

from vislib.course.doctor import main

sys.exit(main())
