import sys
from pathlib import Path

# The scripts that make the golden files are run by hand too, so they are no package.
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "conformance"))
