"""The oracle operator: evaluates rounds, attests, submits, verifies."""
