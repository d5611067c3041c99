"""Reports as one HTML file each: no network, no script, light and dark, wide and narrow."""
