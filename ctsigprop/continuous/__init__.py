"""Continuous-time Hopfield networks with a target loop (paper, Sec. V) and equilibrium propagation."""
