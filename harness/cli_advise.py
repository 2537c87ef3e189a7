"""The command `advise`: wires the stages and holds no logic."""
