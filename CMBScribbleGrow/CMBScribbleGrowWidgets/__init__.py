"""Qt widgets of the module CMB Scribble Grow; its Lib knows no Qt."""
