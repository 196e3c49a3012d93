import sys
from pathlib import Path

# Worker processes import the sources by their plain name, from this folder.
sys.path.insert(0, str(Path(__file__).parent))
