"""Talking to a node from outside of it."""
