"""A child's side: one actor in its own process, and the control thread that answers for it."""
