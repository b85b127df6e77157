"""The tables read as text."""
