"""The demo: a simulated WHOOP and an invented member, in a folder of their own."""
