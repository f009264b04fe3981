"""The command line, the report, the notebook view; the only room that prints or draws."""
