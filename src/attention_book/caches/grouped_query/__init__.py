"""Grouped-query attention: several heads of queries share one head of keys and values.

Limit case: as many groups as heads are multi-head attention; one group is multi-query attention.
"""
