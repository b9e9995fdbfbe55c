"""Room: may this model go live? The gate judges, the registry moves the alias and says why."""
