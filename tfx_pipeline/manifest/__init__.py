"""run.json: one schema, whatever made the run, with the versions and the properties of the examples in it."""
