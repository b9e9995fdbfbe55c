"""Room: a better model. Mitigation now; each technique takes a model and gives back a model."""
