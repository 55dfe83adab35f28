"""The herald: tells people what happens on the node, until they have it."""
