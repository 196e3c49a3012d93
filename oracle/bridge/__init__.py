"""NMR's way between Ethereum (root) and Polygon (child), over Polygon's own bridge."""
