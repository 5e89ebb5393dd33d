"""The server that browsers talk to."""
