"""Where a chart changes its form, in figures and on the page alike."""

FEW_POINTS = 20
"""Each of so many points is marked; of more, the line alone is drawn."""
WIDE_RANGE = 20.0
"""Errors whose largest is so many times the smallest are drawn on a log axis."""
