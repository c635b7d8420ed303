"""The networks an encoder can be built on."""
