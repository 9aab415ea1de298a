"""What is sealed, where its keys come from, and sealing it again with a newer one."""
