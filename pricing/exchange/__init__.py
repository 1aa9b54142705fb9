"""Plan versions as files that people review and keep in version control."""
