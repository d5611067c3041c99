"""The Lab tab: change the clip, and see at once what the model would say of it."""
