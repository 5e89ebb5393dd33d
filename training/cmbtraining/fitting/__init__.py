"""The one trainer, its losses, checkpoints and run folders."""
