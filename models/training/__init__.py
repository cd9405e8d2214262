"""Makes the reading model and its card from labelled posts: `vigie train --data FOLDER --out FOLDER`."""
