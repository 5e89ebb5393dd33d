"""From a scribble to a mask: region growing and its alternatives."""
