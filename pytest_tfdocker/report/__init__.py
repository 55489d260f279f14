"""Verdicts and evidence to terminal and JSON. Judges nothing."""
