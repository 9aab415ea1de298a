"""Signed notices to the app."""
