"""A node beside systemd."""
