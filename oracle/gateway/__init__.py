"""The tournament server's HTTP face, and the process around it."""
