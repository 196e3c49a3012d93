"""Keeps the server's tables in step with the chain and with what operators committed."""
