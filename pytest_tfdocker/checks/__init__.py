"""Evidence and settings to a verdict. No I/O."""
