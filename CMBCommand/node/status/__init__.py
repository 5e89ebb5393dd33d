"""What a node tells of itself: a page for people, numbers for Prometheus."""
