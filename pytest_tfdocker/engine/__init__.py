"""Finds the engine, builds, starts under limits, streams, cleans up."""
