"""Plots: Vega-Altair specifications, and pictures of them without a browser."""
