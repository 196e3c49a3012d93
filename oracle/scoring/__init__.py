"""Deterministic scores. Pure: integers and arrays in, integers out (docs/scoring.md)."""
