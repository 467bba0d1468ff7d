"""Compiled functions whose machine code is kept for later processes wherever it can be.

Numba keeps it beside the source or in the home (`NUMBA_CACHE_DIR` goes before both) and gives up where neither can be
written, or where a file is damaged. Here the next place is a temporary folder, and the last no place at all; what
cannot be read is compiled anew and written again. Each entry is one file, checked by a digest and renamed into its
place, so that processes which write at the same time cannot mix theirs up, as they can through Numba's index files.
"""

import logging
import os
from collections.abc import Callable
from glob import escape, glob
from hashlib import sha256
from pickle import loads
from typing import Any, Self

from numba import njit
from numba.core.caching import (
    CompileResultCacheImpl,
    FunctionCache,
    IndexDataCacheFile,
    NullCache,
    UserWideCacheLocator,
)
from numba.extending import is_jitted

from ctsigprop.core.temporary import private_folder

log = logging.getLogger("ctsigprop")

_DIGEST = sha256().digest_size


def compiled(signature: Any = None, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function as `numba.njit` with these options and keep its machine code.

    Args:
        signature: types of the arguments; compiles at once, and for them alone.
        options: of `numba.njit`, but for `cache`.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        kernel: Any = njit(**options)(function)
        if is_jitted(kernel):  # not where NUMBA_DISABLE_JIT is set
            kernel._cache = _cache_of(function)
            if signature is not None:
                kernel.compile(signature)
                kernel.disable_compile()
        return kernel

    return decorate


def mend_cache(kernel: Any) -> None:
    """Keep what a function jitted with `cache=True` elsewhere compiles to as this module does."""
    if type(kernel._cache) is FunctionCache:
        kernel._cache = _cache_of(kernel.py_func)


def _cache_of(function: Callable[..., Any]) -> FunctionCache | NullCache:
    try:
        return _Cache(function)
    except RuntimeError:  # no place to keep it
        _say_once("compiled functions are kept nowhere, because nowhere can be written: set NUMBA_CACHE_DIR")
        return NullCache()


def _say_once(message: str) -> None:
    """Log the first such message of this process and those that it starts."""
    if not os.environ.get("CTSIGPROP_CACHE_TOLD"):
        os.environ["CTSIGPROP_CACHE_TOLD"] = "1"
        log.warning(message)


class _TemporaryLocator(UserWideCacheLocator):  # type: ignore[misc]
    """The last place: a temporary folder of the user's own."""

    def __init__(self, py_func: Callable[..., Any], py_file: str, folder: str) -> None:
        self._py_file = py_file
        self._lineno = py_func.__code__.co_firstlineno
        self._cache_path = os.path.join(folder, self.get_suitable_cache_subpath(py_file))

    @classmethod
    def from_function(cls, py_func: Callable[..., Any], py_file: str) -> Self | None:
        """Return the place of this function's machine code, or None where there is none."""
        private = private_folder("numba")
        if private is None or not os.path.exists(py_file):
            return None
        folder, new = private
        place = cls(py_func, py_file, folder)
        try:
            place.ensure_cache_path()
        except OSError:
            return None
        if new:
            log.warning("compiled functions are kept in %s: the package and the home cannot be written", folder)
        return place


class _Place(CompileResultCacheImpl):  # type: ignore[misc]
    _locator_classes = (*CompileResultCacheImpl._locator_classes, _TemporaryLocator)


class _Entries(IndexDataCacheFile):  # type: ignore[misc]
    """A file for each choice of types and processor: a digest, then the pickled source stamp, key and machine code."""

    def _path(self, key: Any) -> str:
        types_and_processor = key[:2]
        number = sha256(repr(types_and_processor).encode()).hexdigest()[:16]
        return self._data_path(f"{self._index_name.removesuffix('.nbi')}.{number}.nbc")

    def _digest(self, content: bytes) -> bytes:
        return sha256(self._version.encode() + content).digest()

    def save(self, key: Any, data: Any) -> None:
        content = self._dump((self._source_stamp, key, data))
        with self._open_for_write(self._path(key)) as file:
            file.write(self._digest(content) + content)

    def load(self, key: Any) -> Any:
        try:
            with open(self._path(key), "rb") as file:
                digest, content = file.read(_DIGEST), file.read()
        except OSError:
            return None
        if digest != self._digest(content):
            return None
        stamp, found, data = loads(content)
        return data if (stamp, found) == (self._source_stamp, key) else None

    def flush(self) -> None:
        for path in glob(self._data_path(f"{escape(self._index_name.removesuffix('.nbi'))}.*.nbc")):
            os.unlink(path)


class _Cache(FunctionCache):  # type: ignore[misc]
    _impl_class = _Place

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        stamp = self._impl.locator.get_source_stamp()
        self._cache_file = _Entries(self._cache_path, self._impl.filename_base, stamp)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # names types or functions that are gone
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        try:
            super().save_overload(sig, data)
        except OSError as error:  # a full disk
            _say_once(f"compiled functions are not kept in {self._cache_path} ({error.strerror or error})")
