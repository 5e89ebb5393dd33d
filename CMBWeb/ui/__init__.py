"""What the page shows: markup only; what happens on a click is in `bindings`."""
