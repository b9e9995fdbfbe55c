"""The doors: magics, command line, Python. They open onto the hall, and not onto each other."""
