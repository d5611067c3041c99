"""Between visitors and the app, without gradio: who is let in with how much, and when it is deleted."""
