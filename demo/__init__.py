"""The sample brand Hirondelle: data written for this project, every person invented."""
