"""Things that are chosen by name: the shipped ones, which are imported when first asked for, and those of the user."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import Generic, Protocol, TypeVar

from ctsigprop.errors import InputError


class Named(Protocol):
    """Anything that has a name."""

    @property
    def name(self) -> str:
        """The name by which settings choose it."""
        ...


T = TypeVar("T", bound=Named)


class Registry(Mapping[str, T], Generic[T]):
    """All things of one kind by name, in the order in which they were added.

    Attributes:
        setting: the setting that chooses among them, in the words of a refusal.
    """

    def __init__(self, setting: str, shipped: Mapping[str, str], public: str = "") -> None:
        """Make a registry.

        Args:
            setting: the setting that chooses among the things.
            shipped: names with the places where the things are, as "module:attribute".
            public: name of the registry among those of `ctsigprop`.
        """
        self.setting, self._public = setting, public
        self._shipped = dict(shipped)
        self._added: dict[str, T] = {}

    def add(self, thing: T) -> T:
        """Add a thing under its own name and return it; one that was added before is replaced.

        Raises:
            InputError: the name is that of a shipped thing, or is no name.
        """
        name = thing.name
        if not isinstance(name, str) or not name.replace("-", "_").isidentifier():
            raise InputError(f"{self.setting}: {name!r} is no name: use letters, digits and underscores")
        if name in self._shipped:
            raise InputError(f"{self.setting} = {name!r}: is the name of a shipped one: choose another")
        self._added[name] = thing
        return thing

    def check(self, name: object, others: Sequence[str] = ()) -> str:
        """Return a value that has turned out to be a known name.

        Args:
            name: the value.
            others: names that the setting also allows and that stand for nothing here.

        Raises:
            InputError: it is none; the line lists the known names.
        """
        known = [*others, *self]
        if not isinstance(name, str) or name not in known:
            near = get_close_matches(str(name), known, n=1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            own = f"; one's own is added first, from Python: ct.{self._public}.add(...)" if self._public else ""
            raise InputError(f"{self.setting} = {name!r}: must be one of {', '.join(known)}{hint}{own}")
        return name

    def name_of(self, chosen: str | T) -> str:
        """Return the name of a thing, which is added where it is new.

        Raises:
            InputError: an unknown name, or another thing that has the name of a shipped one.
        """
        if isinstance(chosen, str):
            return self.check(chosen)
        if self.get(chosen.name) is not chosen:
            self.add(chosen)
        return chosen.name

    def is_own(self, name: str) -> bool:
        """Whether a thing of that name was added."""
        return name in self._added

    def of(self, chosen: str | T) -> T:
        """Return the thing of a name, or the thing itself.

        Raises:
            InputError: an unknown name.
        """
        return self[self.check(chosen)] if isinstance(chosen, str) else chosen

    def __getitem__(self, name: str) -> T:
        if name not in self._shipped:
            return self._added[name]
        module, _, attribute = self._shipped[name].partition(":")
        thing: T = getattr(import_module(module), attribute)
        return thing

    def __contains__(self, name: object) -> bool:
        return name in self._shipped or name in self._added

    def __iter__(self) -> Iterator[str]:
        yield from self._shipped
        yield from self._added

    def __len__(self) -> int:
        return len(self._shipped) + len(self._added)

    def __repr__(self) -> str:
        return f"Registry({self.setting}: {', '.join(self)})"
