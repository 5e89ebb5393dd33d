"""Files on disk, whatever is in them: written whole, looked at with care."""
