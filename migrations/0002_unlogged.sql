-- What is not in the log and never rebuilt. Losing it costs a log-in and restarts retries, nothing more.

CREATE SCHEMA unlogged;
