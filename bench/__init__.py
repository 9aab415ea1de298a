"""The measured numbers: one module a figure, each beside something else of the same run."""
