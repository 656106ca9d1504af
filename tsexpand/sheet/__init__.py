"""One frame to look at: the SDR picture, its HDR light, and what became of it, on a sheet that any display shows."""
