"""For whoever looks after a drop folder: how things stand, what happened, what is wrong, and once more please."""
