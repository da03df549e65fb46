"""Calibrates a model pack: match distances and detection confidence from pictures of known people."""
