"""Keeps artefacts and the operator's journal."""
