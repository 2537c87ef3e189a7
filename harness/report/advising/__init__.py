"""Advice: one document, and from it texts for people and the lines to change."""
