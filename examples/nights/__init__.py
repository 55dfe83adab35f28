"""What the three nights share: a hostile town to work in, and the comparison with a bare agent."""
