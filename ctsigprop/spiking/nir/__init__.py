"""Spiking networks as graphs of the Neuromorphic Intermediate Representation (NIR)."""
