"""The cache on a Redis server."""
