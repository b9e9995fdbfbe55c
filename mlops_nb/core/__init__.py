"""The nouns of the house: records, errors, configuration. Standard library only."""
