"""The sources, one file each; ``source``, ``stash_box`` and ``reference_site`` do the walking for them."""
