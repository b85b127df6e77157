"""How a trace looks: a file for each form. They take what they show as it is, and know nothing of who asks."""
