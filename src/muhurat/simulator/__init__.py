"""The venues on loopback, good-natured or not; shares no code with the decoders it feeds."""
