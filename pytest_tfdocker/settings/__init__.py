"""Text to typed settings: pyproject.toml, tfdocker.toml, Compose, environment, options."""
