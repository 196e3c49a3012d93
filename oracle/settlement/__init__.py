"""Payout arithmetic, encodings and digests. Pure."""
