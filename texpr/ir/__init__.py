"""What a program says: types, expressions, buffers, the loop tree, and what reads and rewrites it."""
