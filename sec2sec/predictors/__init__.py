"""Predictors that are not ours: asked about edited clips, so that what they answer can be tested as our own models are.

The function that does it is `sec2sec.audit`; a folder of that name would stand in its way.
"""

MAX_SECONDS = 300.0  # of a clip that is audited: hundreds of copies are made of it
