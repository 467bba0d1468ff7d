"""Networks that PyTorch trains: signal propagation, and backpropagation and its relatives beside it."""
