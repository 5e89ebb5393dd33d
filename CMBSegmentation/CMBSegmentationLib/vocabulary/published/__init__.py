"""What others have defined and this program applies: scales of counts, label numbers, and the papers they are from."""
