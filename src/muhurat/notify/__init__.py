"""Telling people: the contract of a channel, and the channels."""
