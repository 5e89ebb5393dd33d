"""A training configuration: read strictly, every value with its rule."""
