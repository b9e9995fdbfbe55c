"""Room: data. Reading frames from files, and fingerprints of what went into a run."""
