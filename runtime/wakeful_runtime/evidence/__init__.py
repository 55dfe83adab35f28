"""What is seen of a process from outside, and what is told of it."""
