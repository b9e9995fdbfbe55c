"""The room that runs notebooks headless: reading them, their parameters, their kernels."""
