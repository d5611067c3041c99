"""Films that people download: frames and sound of a clip, composed and written as H.264 and AAC."""
