"""What is said and what it means: events, their folds, topics, and the shape of every answer. No IO."""
