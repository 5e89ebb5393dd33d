"""What a phase image says of a candidate: blood (paramagnetic), calcium (diamagnetic), or unclear."""
