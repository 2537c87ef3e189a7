"""Targets to read first: run the commands in their READMEs from the root of the repository."""
