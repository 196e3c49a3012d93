"""``python -m oracle`` is the ``assay`` command."""

from oracle.cli import main

if __name__ == "__main__":
    main()
