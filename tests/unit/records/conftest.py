from server_databases import database, server, where

__all__ = ["database", "server", "where"]
