"""Several clips at once in the Inspect tab: a list that is explained in the queue, a clip at a time."""
