"""Maps of image sets: features laid out by t-SNE, kept on the disk, and new points placed among them."""
