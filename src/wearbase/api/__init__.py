"""HTTP, one module per audience."""
