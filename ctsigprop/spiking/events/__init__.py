"""Recordings of event cameras."""

from ctsigprop.spiking.events.frames import EventFrames, load_frames

__all__ = [
    "EventFrames",
    "load_frames",
]
