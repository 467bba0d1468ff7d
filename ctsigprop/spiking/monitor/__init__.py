"""What a spiking network does: spikes, firing rates, operations."""
