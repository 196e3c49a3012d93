"""Makes tournament data from real prices or from a seed."""
