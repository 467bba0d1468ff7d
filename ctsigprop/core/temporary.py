"""Where caches go that have no place of their own: a folder of the user's under the temporary folder.

Compiled code and fonts are loaded from such caches, so nobody else may write there: the folder is made for its owner
alone, and one that another user owns or may enter is not taken. This module is imported by every command, so it
imports little.
"""

import os
import stat
import sys

XDG = sys.platform.startswith(("linux", "freebsd"))


def private_folder(name: str) -> tuple[str, bool] | None:
    """Return the folder of this name inside the user's own temporary folder and whether it is new.

    None where there is no such folder and none can be made.
    """
    from tempfile import gettempdir

    user = os.getuid() if hasattr(os, "getuid") else "cache"  # Windows: the temporary folder is the user's own
    try:
        own = os.path.join(gettempdir(), f"ctsigprop-{user}")
        _make_private(own)
        folder = os.path.join(own, name)
        return folder, _make_private(folder)
    except OSError:
        return None


def _make_private(folder: str) -> bool:
    """Make the folder for its owner alone and return True, or False where it is there and is this user's alone."""
    try:
        os.mkdir(folder, mode=0o700)
    except FileExistsError:
        found = os.lstat(folder)
        if not stat.S_ISDIR(found.st_mode):
            raise
        if hasattr(os, "getuid") and (found.st_uid != os.getuid() or found.st_mode & 0o077):
            raise
        return False
    return True


def keep_matplotlib_quiet() -> None:
    """Give Matplotlib, which is not yet imported, a folder where it cannot write to its own: it would tell of that."""
    if os.environ.get("MPLCONFIGDIR") or all(_can_be_made(folder) for folder in _matplotlib_folders()):
        return
    if (private := private_folder("matplotlib")) is not None:
        os.environ["MPLCONFIGDIR"] = private[0]


def _matplotlib_folders() -> list[str]:
    home = os.path.expanduser("~")
    if not XDG:
        return [os.path.join(home, ".matplotlib")]
    config = os.environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(home, ".cache")
    return [os.path.join(config, "matplotlib"), os.path.join(cache, "matplotlib")]


def _can_be_made(folder: str) -> bool:
    """Return whether the folder is there and writable, or the nearest one above it that is there."""
    while not os.path.lexists(folder) and folder != os.path.dirname(folder):
        folder = os.path.dirname(folder)
    return os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK)
