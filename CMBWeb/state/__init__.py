"""The page's state: every name, its type and how it begins, declared once for bindings, templates and mypy."""
