"""The room that knows what ran: provenance, cells, parameters. It knows no IPython."""
