"""Train a system: settings, data, the loop, checkpoints; and searches over settings."""
