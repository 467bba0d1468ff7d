"""`python -m ctsigprop` is `ctsigprop`."""

import sys

from ctsigprop.experiments.cli import main

sys.exit(main())
