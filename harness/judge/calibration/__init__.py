"""A model of a measured target: distributions, failure shares, pools and CPU, fitted; and how well it predicts."""
