"""What the app's own members need: sign-in, the views of a page, taking everything away."""
