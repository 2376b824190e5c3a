"""Action files, and the runs of the hooks in them."""
