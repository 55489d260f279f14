"""Judge the container image of an ML service with pytest."""
