"""Known-truth clips as a suite that any explainer can be run on: clips, truth, a loader, a scorer, and our own scores.

What is in `files` is copied into each suite and needs nothing of sec2sec.
"""
