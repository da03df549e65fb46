"""What the downloader middlewares are made of: which hosts may be asked, how fast, and what was asked before."""
