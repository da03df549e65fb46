"""Measurements as ratios within one run; ``make bench`` prints them, docs/performance.md keeps the last ones."""
