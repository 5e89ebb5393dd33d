"""Words, classes, keys and colours that a reader sees, each in one place."""
