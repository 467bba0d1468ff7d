"""Classification by continuous networks (paper, Sec. V-C), over several seeds."""
