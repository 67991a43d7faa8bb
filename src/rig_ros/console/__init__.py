"""The operator's page: a web server that shows a running graph and passes on a person's wishes."""
