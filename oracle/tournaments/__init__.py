"""Universe, data format and submission rules of each tournament."""
