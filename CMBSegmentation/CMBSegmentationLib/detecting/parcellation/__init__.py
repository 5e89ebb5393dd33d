"""A parcellation that the user gives in place of the map of regions: read and checked, and made a map."""
