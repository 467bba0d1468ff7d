"""The run folder, what it holds, and training in it."""

from ctsigprop.runs.folder import (
    DATA,
    EVENTS,
    META,
    METRICS,
    OUTCOME,
    SUMMARY,
    Arrays,
    RunFolder,
    SomeSettings,
    claim_folder,
    covers,
)

__all__ = [
    "DATA",
    "EVENTS",
    "META",
    "METRICS",
    "OUTCOME",
    "SUMMARY",
    "Arrays",
    "RunFolder",
    "SomeSettings",
    "claim_folder",
    "covers",
]
