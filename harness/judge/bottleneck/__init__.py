"""What limited a run: `limiting.limiting` names the resource, with its evidence."""
