"""Use cases, one module per noun; the only place that knows two leaves."""
