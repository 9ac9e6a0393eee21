"""One client: what pins it and its adapter."""
