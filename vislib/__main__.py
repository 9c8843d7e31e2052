"""``python -m vislib doctor``, ``fetch`` and ``lab``: see :mod:`vislib.course.doctor`."""

import sys

from vislib.course.doctor import main

if __name__ == "__main__":
    sys.exit(main())
