"""The primitives of a stage, a file for each family."""
