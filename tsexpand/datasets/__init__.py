"""HDR scenes for training: fetching, developing and preparing them."""
