"""Comparisons: lanes, plans, the engine room that measures them, statistics, quality, verdicts, recipes (METRICS "Comparing")."""
