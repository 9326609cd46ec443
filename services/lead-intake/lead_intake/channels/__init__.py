"""The channels: what each sends, declared in one file each, and the closed set of code that such a file names."""
