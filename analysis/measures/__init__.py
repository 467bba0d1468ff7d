"""What is measured on networks: angles, gradients, distances, time courses."""
