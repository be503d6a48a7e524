"""The parts of :class:`deepvis.runs.Fooling`: what is aimed at, the picture under attack, and one module an attack."""
