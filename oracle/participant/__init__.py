"""A tournament server as those who take part see it: over HTTP, with what anyone could send."""
