"""Passes and erasures down to the nodes: one writer, many readers, success is the receipt.

``plan`` decides from values alone, ``snapshots`` builds, signs and sends.
"""
