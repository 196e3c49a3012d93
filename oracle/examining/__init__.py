"""Examining predictions that people upload for the past: the diagnostics of a tournament server.

A file is read by a process of its own, with bounds on memory and time, since whoever sent it may
mean harm; what it finds out is kept as a row of the server's database.
"""
