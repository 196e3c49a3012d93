"""Tournament data in Numerai's Classic format: made from real prices, from a seed, or read.

`market` turns prices that installed packages ship into a data set, `synthetic` generates one of
any size, `files` reads either of them, or a real tournament's files, back. See docs/data.md.
"""
