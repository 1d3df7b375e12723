"""Guards: rules that no linter knows."""
