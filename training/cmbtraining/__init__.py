"""Train, export and simulate for the cerebral-microbleed detector (see training/README.md)."""
