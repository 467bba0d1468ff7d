"""Sweeps over settings: what is swept, on which workers, and what came out."""
