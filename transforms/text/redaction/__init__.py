"""Redaction: finding what nobody is to read, as it is written and as it is read out."""
