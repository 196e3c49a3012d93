"""``/v1``: what programs want of a tournament, described at ``/v1/openapi.json``."""
