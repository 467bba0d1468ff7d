"""What a researcher writes, and of which the command line is a client."""
