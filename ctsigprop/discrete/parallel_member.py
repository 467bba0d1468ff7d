"""A process that `ctsigprop train --parallel` starts: python -m ctsigprop.discrete.parallel_member."""

import sys

from ctsigprop.discrete.parallel import follow
from ctsigprop.discrete.parallel_start import leave_nothing
from ctsigprop.errors import CtsigpropError

if __name__ == "__main__":
    try:
        follow()
    except CtsigpropError as error:
        print(f"ctsigprop: error: {error}", file=sys.stderr)
        leave_nothing()
        sys.exit(error.exit_status)
