"""Tars of layers, of exported file systems and of whole images, without an engine."""
