"""Makes the reading model and its card from labelled posts: `python -m models.training --data FOLDER --out FOLDER`."""
