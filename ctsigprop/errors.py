"""Errors that a user can mend: one line that names field or file, the value, what is allowed, the remedy."""


class CtsigpropError(Exception):
    """Base of all errors that reach a user without a traceback; `exit_status` is the command line's."""

    exit_status = 1


class InputError(CtsigpropError, ValueError):
    """Wrong usage or wrong input: a setting, an argument or a file that cannot be used (exit status 2)."""

    exit_status = 2


class Busy(InputError):
    """A folder that another process holds, or has begun a run in: it may be taken up later."""


class RunFailure(CtsigpropError, RuntimeError):
    """Work that began and could not be finished: a full disk, weights no longer finite (exit status 1)."""


OUT_OF_MEMORY = "out of memory: make the network's layers or training.batch_size smaller"


def is_out_of_memory(error: Exception) -> bool:
    """Whether there was no memory: NumPy's error, or PyTorch's, which need not be imported."""
    words = "can't allocate memory"
    return isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError" or words in str(error)


class Interrupted(CtsigpropError):
    """Ctrl-C, after everything was saved; the message says how to go on (exit status 130)."""

    exit_status = 130
