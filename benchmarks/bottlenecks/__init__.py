"""How often the resource that limits a run is named rightly: causes planted in random scenarios."""
