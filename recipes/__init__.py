"""How the bundled checkpoint and the thresholds of the verdict were made: scripts that use the library."""
