"""Goes over to another model pack: vectors made anew beside the old ones, then taken into use all at once."""
