-- Where the trace goes on that a callback belongs to.
ALTER TABLE unlogged.callbacks ADD COLUMN traceparent text;
