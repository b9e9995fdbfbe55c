"""``python -m mlops_nb`` is ``mlops``."""

import sys

from mlops_nb.interfaces.cli import main

sys.exit(main())
