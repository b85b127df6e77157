"""What the derivatives are, in plain NumPy: the tables, and the functions that need no row in them."""
