"""All systems of the paper's tables, trained and measured alike: `python -m sec2sec benchmark`.

plan → run (a process a trial) → collect (from what the trials left) → tables and page. Tables never need a training.
"""
