"""The scheduler: a node actor that starts jobs at their times."""
