# Slicer packs extensions here; there is nothing to pack.
