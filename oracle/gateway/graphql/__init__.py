"""GraphQL at ``/``, as the clients of the tournament this one follows send it."""
