"""The embedded world that ``scrapy demo`` crawls: invented performers, drawn faces, a stash-box and reference sites."""
