"""Tools for who changes this project; none of it is installed."""
