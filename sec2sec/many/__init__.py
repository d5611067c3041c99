"""Many clips, one after the other: a folder or a table of clips → one tidy table, a page for each, and an index.

Nothing here knows how a clip is explained: `each.py` takes a function of a path, which may ask a model of ours or any
other predictor.
"""
