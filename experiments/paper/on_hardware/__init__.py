"""What hardware does to learning: noise, mismatch, few bits, short phases, late outputs."""
