"""The root supervisor, who is where, and the API."""
