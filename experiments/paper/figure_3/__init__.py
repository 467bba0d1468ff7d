"""Fig. 3: layers bring inputs and targets of one class together."""
