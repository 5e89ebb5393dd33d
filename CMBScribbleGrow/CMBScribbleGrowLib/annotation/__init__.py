"""What readers record of a study: records, their words, changes and files."""
