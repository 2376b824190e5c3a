"""Regular expressions of `regexp`: read into nodes, and matched in linear time."""
