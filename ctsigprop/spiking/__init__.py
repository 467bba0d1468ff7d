"""Spiking networks that learn with forward passes only (paper, Sec. VI)."""
