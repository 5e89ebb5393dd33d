"""Detection in a process of its own, for front ends."""
