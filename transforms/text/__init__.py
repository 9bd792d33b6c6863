"""What happens to a text after it was recognised: rules, each a pure function, and what they leave on record."""
