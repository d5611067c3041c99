"""The synchronised view of one explanation, and the offline report made of it; nothing here needs gradio."""
