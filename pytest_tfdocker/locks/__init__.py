"""Requirements and lock files to declared requirements. Knows nothing of images."""
