"""What forks: the keeper's first child, its table of lives, its sweeps, and the line supervisors speak to it on."""
