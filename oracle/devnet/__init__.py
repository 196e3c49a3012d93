"""A local chain with contracts and operators."""
