"""Tables I to VI."""
