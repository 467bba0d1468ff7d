"""What a network at rest says of its training: gradient, stability, warnings."""
