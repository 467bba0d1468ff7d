"""The learning rules: signal propagation, and those that it is compared with."""
