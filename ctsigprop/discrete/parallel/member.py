"""A process that `ctsigprop train --parallel` starts: python -m ctsigprop.discrete.parallel.member."""

import sys

from ctsigprop.discrete.parallel.start import leave_nothing
from ctsigprop.discrete.parallel.training import follow
from ctsigprop.errors import CtsigpropError

if __name__ == "__main__":
    try:
        follow()
    except CtsigpropError as error:
        print(f"ctsigprop: error: {error}", file=sys.stderr)
        leave_nothing()
        sys.exit(error.exit_status)
