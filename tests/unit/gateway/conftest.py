from played_rounds import history, serving
from server_databases import database, server, where

__all__ = ["database", "history", "server", "serving", "where"]
