"""Outside systems, each used by two services or more."""
