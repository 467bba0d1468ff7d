"""The paper's classification results (Sec. V-C)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """What the paper reports of one network with a learned loop; errors in percent, as ranges.

    Attributes:
        what: the network, in words.
        dataset: on all of whose training set it learned.
        hidden: units of its hidden layers.
        epochs: that it was trained for.
        errors: by the name of an outcome: test and validation at the best epoch, train of the last.
    """

    what: str
    dataset: str
    hidden: tuple[int, ...]
    epochs: int
    errors: dict[str, tuple[float, float]]

    def text(self, name: str, dash: str) -> str:
        """Return what the paper reports, as one number or as a range; a dash where it reports nothing."""
        if name not in self.errors:
            return dash
        low, high = self.errors[name]
        return f"{low:.2f}" if low == high else f"{low:.2f} {dash} {high:.2f}"


PAPER = (
    Published(
        "MNIST, 784-1500-1500-10, learned loop",
        "mnist",
        (1500, 1500),
        60,
        {"test": (1.85, 1.90), "validation": (1.76, 1.80), "train": (0.0, 0.0)},
    ),
    Published(
        "Fashion-MNIST, 784-1500-1500-10, learned loop",
        "fashion-mnist",
        (1500, 1500),
        60,
        {"test": (11.00, 11.00), "validation": (10.95, 10.95), "train": (2.0, 2.0)},
    ),
    Published("MNIST, three hidden layers of 1500, learned loop", "mnist", (1500,) * 3, 150, {"test": (1.85, 1.90)}),
)
