"""Functions of functions: forward mode, grad and its kind, and the check against finite differences."""
