"""What brings the weights of the loop into alignment, and whether accuracy follows."""
