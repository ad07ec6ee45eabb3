"""The parts of the Compare page: its bar, prompt, outputs, list and empty page."""
