"""A checkpoint or a method of explanation measured on a data set: figures beside their trivial baselines."""
