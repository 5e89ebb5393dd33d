"""Lesions into a folder of files, and back."""
