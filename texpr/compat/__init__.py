"""Other toolkits' names for what texpr does, for programs that were written with them."""
