"""Import of annotations made in RedBrick AI."""
