"""What the two PyTorch families share: a learner of stages, its training, what it costs."""
