"""How good a detector is: matching, figures, intervals, curves."""
