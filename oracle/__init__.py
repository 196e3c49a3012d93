"""Assay: an open, on-chain tournament for predictions."""

__version__ = "0.1.0"
