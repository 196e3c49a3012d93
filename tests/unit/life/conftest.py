"""Databases of the server, of both kinds."""

from server_databases import database, server, where

__all__ = ["database", "server", "where"]
