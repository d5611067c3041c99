"""What only a GPU can tell: `python -m bench gpu`. docs/gpu.md says what its machine needs and what each row means."""
