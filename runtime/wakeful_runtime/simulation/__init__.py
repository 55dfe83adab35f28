"""A whole tree without processes, on a fake clock."""
