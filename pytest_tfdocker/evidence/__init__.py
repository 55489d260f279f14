"""Typed facts, one record an image and one a run, with JSON both ways. Judges nothing."""
