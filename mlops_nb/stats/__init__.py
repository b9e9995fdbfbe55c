"""Fast statistics over arrays: distances, histograms, group counts, bootstrap. No MLOps word."""
