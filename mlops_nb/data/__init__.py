"""Room: data. Frames read from files, fingerprints, versions of datasets, what differs."""
