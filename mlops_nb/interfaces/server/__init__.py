"""The server's door: what JupyterLab's sidebar asks Jupyter Server, over the same flows."""
