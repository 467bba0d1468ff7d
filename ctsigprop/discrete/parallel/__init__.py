"""Layers in parallel: the stages of one network in several processes."""
