"""Getting past bot challenges: recognising one, FlareSolverr, its clearances, and a browser of our own."""
