"""Room: checks. Is it good? Every check takes inputs and returns a `Report` of findings."""
