"""Reads and writes the chain."""
