"""One file a family: the ladder's models, and the encoding that they read."""
