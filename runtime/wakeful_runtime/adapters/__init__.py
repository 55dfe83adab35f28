"""Agents of other frameworks as sessions: a module each, imported only by who uses it."""
