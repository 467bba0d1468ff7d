"""Errors that a user can mend: one line that names field or file, the value, what is allowed, the remedy."""

LONGEST_LINE = 1000
CUT = " ... "


def printable(text: str) -> str:
    """Text for a terminal: a character that is none, such as an escape or half of a surrogate pair, by its number."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def in_one_line(text: str) -> str:
    """Text for a terminal, in one line of at most LONGEST_LINE characters: what is longer loses its middle."""
    half = (LONGEST_LINE - len(CUT)) // 2
    line = printable(text if len(text) <= LONGEST_LINE else text[:half] + CUT + text[-half:])
    return line if len(line) <= LONGEST_LINE else line[:half] + CUT + line[-half:]


class CtsigpropError(Exception):
    """Base of all errors that reach a user without a traceback; `exit_status` is the command line's.

    The message is kept `in_one_line`, whatever values of a user's or of a file it holds.
    """

    exit_status = 1

    def __init__(self, message: str) -> None:
        super().__init__(in_one_line(message))


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
