"""Invented members: everything about them follows from a seed and a number."""
