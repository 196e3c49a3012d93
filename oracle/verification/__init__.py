"""Checks what operators did, from artefacts and the chain alone."""
