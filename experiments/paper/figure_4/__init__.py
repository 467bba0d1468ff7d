"""Fig. 4: the weights of the loop come into alignment."""
