"""The network that tells brain from what is around it, and the regions of MARS from one another."""
