"""One whole round, played on a local chain."""
