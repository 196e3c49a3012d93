import sys
from pathlib import Path

from server_databases import database, server, where

sys.path.insert(0, str(Path(__file__).parent))

__all__ = ["database", "server", "where"]
