"""Speed and quality against their limits."""
