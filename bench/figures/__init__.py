"""One figure a module: `measure(run)` gives its lines."""
