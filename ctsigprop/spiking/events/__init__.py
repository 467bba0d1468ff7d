"""Recordings of event cameras."""

from ctsigprop.spiking.events.binning import frames_of, padded, read_events, read_shd, save_frames
from ctsigprop.spiking.events.frames import EventFrames, load_frames

__all__ = [
    "EventFrames",
    "frames_of",
    "load_frames",
    "padded",
    "read_events",
    "read_shd",
    "save_frames",
]
