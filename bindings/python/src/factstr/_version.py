# The version of this package and of the library inside it. A test compares it with the project's
# VERSION.
__version__ = "0.6.0"
