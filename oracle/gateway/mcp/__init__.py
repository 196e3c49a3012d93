"""``/mcp``: the tournament as tools for language models (Model Context Protocol)."""
