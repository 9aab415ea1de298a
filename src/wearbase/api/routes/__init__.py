"""The routes, one module per audience, and the verbs that several of them share."""
