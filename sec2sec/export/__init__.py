"""An explanation as JSON, as a table and as text."""
