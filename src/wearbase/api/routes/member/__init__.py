"""What belongs to the phone app: sign-in, the views of its pages, taking everything away."""
