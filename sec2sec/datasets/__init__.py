"""Data sets: readers, splits, the token cache, and clips whose truth is known."""
