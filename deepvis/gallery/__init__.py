"""The gallery: every run that has ended, with its course, kept on the disk between two starts. Neither Qt nor torch."""
