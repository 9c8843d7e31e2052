"""``python -m vislib``: see :mod:`vislib.course.doctor`."""

import sys

from vislib.course.doctor import main

sys.exit(main())
