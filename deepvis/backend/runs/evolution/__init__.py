"""Evolution of pictures: MAP-Elites, and the two encodings of Nguyen, Yosinski & Clune (2014)."""
