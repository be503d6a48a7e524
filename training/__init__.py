"""How the networks that deepvis ships were made, with one command to make them again."""
