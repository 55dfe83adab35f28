"""Tree files: imported once, by a short-lived check process."""
