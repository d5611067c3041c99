"""Programs that are copied into each suite, where they need numpy and Python's own library alone."""
